//! The platform as a whole.
