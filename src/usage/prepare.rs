//! Which files are read, and in which pieces, before any record is.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use super::form::{Form, blank, decide};
use super::walk::PAD;
use super::worker::{Blocks, Task, Way};
use super::{LogFile, ReadOptions};
use crate::evidence::{Compression, Encoding, TextStream, compression_of, positioned};
use crate::platform::events::Layout;

/// Bytes at each end of files that are compared before whole files are.
const EDGE: usize = 4 << 10;

/// Says how each file is read, and cuts the work into tasks: large files first, so that no thread is left
/// with one at the end; blocks of a file in order.
pub(crate) fn prepare(files: &[LogFile<'_>], options: &ReadOptions) -> (Vec<Way>, Vec<Task>) {
    let sizes: Vec<u64> = files
        .iter()
        .map(|file| std::fs::metadata(file.path).map_or(0, |metadata| metadata.len()))
        .collect();
    let same = same_bytes(files, &sizes);
    let mut ways = Vec::new();
    for ((file, size), same) in files.iter().zip(&sizes).zip(same) {
        ways.push(match same {
            Some(same) => Way::SameAs(same),
            None => blocks_of(file, *size, options).map_or(Way::Alone, Way::Blocks),
        });
    }
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(sizes.get(*at).copied()));
    let mut tasks = Vec::new();
    for at in order {
        let file = at as u32;
        match ways.get(at) {
            Some(Way::Blocks(blocks)) => {
                tasks.extend(
                    (0..blocks.lines.len()).map(|block| Task { file, block: Some(block as u32) }),
                );
            }
            _ => tasks.push(Task { file, block: None }),
        }
    }
    (ways, tasks)
}

/// For each file the first one that has the same bytes. Only files of equal size and equal ends are read
/// for that, which is next to never more than the true copies.
fn same_bytes(files: &[LogFile<'_>], sizes: &[u64]) -> Vec<Option<usize>> {
    let mut by_size: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, size) in sizes.iter().enumerate() {
        by_size.entry(*size).or_default().push(at);
    }
    let mut same = vec![None; files.len()];
    let mut groups: Vec<(u64, Vec<usize>)> =
        by_size.into_iter().filter(|(size, group)| *size > 0 && group.len() > 1).collect();
    groups.sort_unstable();
    for (size, group) in groups {
        let mut by_edge: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
        for at in group {
            if let Some(edge) = files.get(at).and_then(|file| edges(file.path, size)) {
                by_edge.entry(edge).or_default().push(at);
            }
        }
        let mut alike: Vec<Vec<usize>> =
            by_edge.into_values().filter(|group| group.len() > 1).collect();
        alike.sort_unstable();
        for group in alike {
            let mut first: HashMap<([u8; 32], &str, &str), usize> = HashMap::new();
            for at in group {
                let Some(file) = files.get(at) else { continue };
                let Some(digest) = digest(file.path) else {
                    continue;
                };
                // The same bytes as another format or from another place are another log.
                let known = *first.entry((digest, file.format.id(), file.context)).or_insert(at);
                if known != at
                    && let Some(same) = same.get_mut(at)
                {
                    *same = Some(known);
                }
            }
        }
    }
    same
}

fn edges(path: &Path, size: u64) -> Option<Vec<u8>> {
    let file = File::open(path).ok()?;
    let mut out = vec![0; EDGE * 2];
    let (head, tail) = out.split_at_mut(EDGE);
    positioned::read_at(&file, head, 0).ok()?;
    positioned::read_at(&file, tail, size.saturating_sub(EDGE as u64)).ok()?;
    Some(out)
}

fn digest(path: &Path) -> Option<[u8; 32]> {
    let file = File::open(path).ok()?;
    let outcome = TextStream::new(Box::new(file), true, None).finish();
    outcome.damaged.is_none().then_some(outcome.sha256)
}

/// Whether a file is read in blocks: plain, larger than two of them, and of lines.
fn blocks_of(file: &LogFile<'_>, size: u64, options: &ReadOptions) -> Option<Blocks> {
    let block = options.block_bytes.max(1);
    let Layout::Records(keys) = file.format.layout() else {
        return None;
    };
    if size <= 2 * block as u64 || u32::try_from(size.div_ceil(block as u64)).is_err() {
        return None;
    }
    let handle = File::open(file.path).ok()?;
    let mut text = Vec::new();
    let mut want = 64 << 10;
    loop {
        text.resize(want, 0);
        let filled = positioned::read_at(&handle, &mut text, 0).ok()?;
        text.truncate(filled);
        let encoding = Encoding::of(&text);
        if compression_of(&text) != Compression::None
            || !matches!(encoding, Encoding::Plain | Encoding::Utf8Mark)
        {
            return None;
        }
        let mark = encoding.mark();
        let from = blank(&text, mark);
        let end = (filled - from).min(options.max_record);
        let complete = filled < want || end >= options.max_record;
        text.resize(filled + PAD, 0);
        match decide(text.get(from..from + end + PAD)?, end, complete, keys) {
            Some(Form::Lines) if end > 0 => return Some(Blocks::new(size, mark, block as u64)),
            None if !complete => want *= 2,
            _ => return None,
        }
    }
}
