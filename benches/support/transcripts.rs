//! Transcripts in the shape of Claude Code's, of any size: the same bytes for the same arguments.
//!
//! A turn is what a person asks, what the model says, and one to six calls with their answers. Sizes are those of
//! working sessions: files that are read come back with some kilobytes, and the client keeps each answer a second
//! time beside the message (`toolUseResult`). Most bytes are texts, full of escaped line ends and quotes.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

/// 2026-01-01T00:00:00Z.
const START: u64 = 1_767_225_600;

/// Lines of code that texts are made of, escaped as in JSON.
const CODE: &[&str] = &[
    "    let found = rows.iter().find(|row| row.name == \\\"ticket\\\").cloned();\\n",
    "}\\n\\n/// Reads one ticket and says who owns it.\\n",
    "pub fn read(path: &Path, options: &Options) -> Result<Vec<Row>, Error> {\\n",
    "        tracing::debug!(target: \\\"store\\\", count = rows.len(), \\\"rows read\\\");\\n",
    "\\t\\tif (ticket.status !== 'open') { return next(new Error(`closed: ${ticket.id}`)); }\\n",
    "import { createClient } from '../lib/client';\\n",
    "    assert_eq!(parse(\\\"a = 1\\\"), Ok(vec![(\\\"a\\\", 1)]));\\n",
    "# The default holds for every region unless the file says otherwise.\\n",
];

/// A small generator of numbers (splitmix64, Steele, Lea and Flood 2014).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}

/// Name, input with `@` for a number, least and most bytes of the answer.
type Tool = (&'static str, &'static str, u64, u64);

const TOOLS: &[Tool] = &[
    ("Read", r#"{"file_path":"/srv/app/src/part@.rs"}"#, 2_000, 14_000),
    ("Read", r#"{"file_path":"/srv/app/docs/page@.md","limit":200}"#, 1_000, 9_000),
    ("Bash", r#"{"command":"cargo test part@","description":"Run the tests"}"#, 300, 5_000),
    ("Bash", r#"{"command":"git status --short && git diff --stat"}"#, 60, 1_500),
    ("Grep", r#"{"pattern":"fn read@","path":"/srv/app/src","output_mode":"content"}"#, 200, 3_000),
    ("mcp__tickets__get_ticket", r#"{"id":"TICKET-@"}"#, 200, 1_200),
    ("TodoWrite", r#"{"todos":[{"content":"Part @","status":"pending"}]}"#, 120, 200),
];

/// Writes files of about `megabytes` in all.
pub(crate) fn write(folder: &Path, megabytes: u64, files: u64) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for file in 0..files.max(1) {
        let bytes = megabytes * 1_000_000 / files.max(1);
        std::fs::write(folder.join(format!("session-{file:05}.jsonl")), text(file, bytes))?;
    }
    Ok(())
}

fn text(file: u64, bytes: u64) -> String {
    let mut numbers = Numbers(file ^ 0x7a3d);
    let mut out = String::new();
    let mut line = Lines { file, at: START + file * 4_000, next: 0 };
    while (out.len() as u64) < bytes {
        let about = 40 + numbers.below(300);
        let asked = words(&mut numbers, about);
        line.open(&mut out, "user");
        let _ = writeln!(out, r#","message":{{"role":"user","content":"{asked}"}}}}"#);
        for _ in 0..=numbers.below(6) {
            call(&mut out, &mut line, &mut numbers);
        }
        line.open(&mut out, "assistant");
        let about = 200 + numbers.below(1_800);
        let said = words(&mut numbers, about);
        let _ = writeln!(
            out,
            r#","message":{{"id":"msg_{}","type":"message","role":"assistant","model":"m","content":[{{"type":"text","text":"{said}"}}],"stop_reason":"end_turn","usage":{{"input_tokens":9,"cache_read_input_tokens":40120,"output_tokens":211}}}}}}"#,
            line.next
        );
    }
    out
}

/// A call with its answer.
fn call(out: &mut String, line: &mut Lines, numbers: &mut Numbers) {
    let choice = numbers.below(TOOLS.len() as u64 + 1) as usize;
    let number = numbers.below(40).to_string();
    let (name, input, answer) = match TOOLS.get(choice) {
        Some((name, input, least, most)) => {
            let about = least + numbers.below(most - least);
            ((*name).to_string(), input.replace('@', &number), words(numbers, about))
        }
        // An edit carries the text in its input, and gets a short answer.
        None => {
            let (old, new) = (words(numbers, 600), words(numbers, 900));
            let input = format!(
                r#"{{"file_path":"/srv/app/src/part{number}.rs","old_string":"{old}","new_string":"{new}"}}"#
            );
            ("Edit".to_string(), input, words(numbers, 300))
        }
    };
    let id = format!("toolu_01{:022x}", u128::from(line.file) << 64 | u128::from(line.next));
    line.open(out, "assistant");
    let _ = writeln!(
        out,
        r#","message":{{"id":"msg_{}","type":"message","role":"assistant","model":"m","content":[{{"type":"tool_use","id":"{id}","name":"{name}","input":{input}}}],"stop_reason":"tool_use","usage":{{"input_tokens":7,"cache_read_input_tokens":39001,"output_tokens":88}}}}}}"#,
        line.next
    );
    line.open(out, "user");
    let _ = writeln!(
        out,
        r#","message":{{"role":"user","content":[{{"tool_use_id":"{id}","type":"tool_result","content":"{answer}"}}]}},"toolUseResult":{{"type":"text","file":{{"content":"{answer}","numLines":88}}}}}}"#
    );
}

/// About this many bytes of code.
fn words(numbers: &mut Numbers, about: u64) -> String {
    let mut out = String::new();
    while (out.len() as u64) < about {
        let line = CODE.get(numbers.below(CODE.len() as u64) as usize);
        out.push_str(line.copied().unwrap_or_default());
    }
    out
}

/// What all lines of a file share.
struct Lines {
    file: u64,
    at: u64,
    next: u64,
}

impl Lines {
    /// Begins a line: what stands before its message.
    fn open(&mut self, out: &mut String, kind: &str) {
        let parent = self.next;
        self.next += 1;
        self.at += 3;
        let (file, second) = (self.file, self.at % 86_400);
        let day = (self.at - START) / 86_400 % 28 + 1;
        let clock = (second / 3_600, second / 60 % 60, second % 60);
        let _ = write!(
            out,
            r#"{{"parentUuid":"00000000-0000-4000-8000-{parent:012}","isSidechain":false,"userType":"external","cwd":"/srv/app","sessionId":"11111111-0000-4000-8000-{file:012}","version":"2.1.247","gitBranch":"main","type":"{kind}","uuid":"00000000-0000-4000-8000-{:012}","timestamp":"2026-01-{day:02}T{:02}:{:02}:{:02}.000Z""#,
            self.next, clock.0, clock.1, clock.2
        );
    }
}
