//! Tests over case tables, public manifests and bad input.
