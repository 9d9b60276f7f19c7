//! The kinds of files about agents.

use crate::platform::{Role, kinds};

kinds! {
    /// A `tools/list` response and its relatives.
    TOOLS = ("agent-tools", "a list of tools", Role::Document);
    /// Which MCP servers a client has.
    CLIENT = ("agent-mcp-client", "MCP servers of an agent's client", Role::Document);
    /// Permission settings with allow, ask and deny rules.
    SETTINGS = ("agent-settings", "permission settings of an agent", Role::Document);
    /// Gateway rules that say who may call which tool.
    GATEWAY = ("agent-gateway", "tool rules of a gateway", Role::Document);
    /// authgap's own plain YAML of an agent's tools.
    MANIFEST = ("agent-manifest", "an agent's tools, written by hand", Role::Document);
    /// OTLP/JSON traces and logs.
    OTLP = ("agent-otlp", "OpenTelemetry traces or logs of agents", Role::Events);
    /// MCP JSON-RPC messages, one a line.
    MCP_WIRE = ("agent-mcp-wire", "MCP messages", Role::Events);
    /// Session transcripts with times, one record a line.
    TRANSCRIPT = ("agent-transcript", "transcripts of an agent's sessions", Role::Events);
    /// Authorization decisions: AuthZEN, OPA.
    DECISIONS = ("agent-decisions", "authorization decisions", Role::Events);
    /// Transcripts without times: OpenAI chat, SWE-agent, AgentDojo runs.
    RUNS = ("agent-runs", "runs of an agent, without times", Role::Document);
}
