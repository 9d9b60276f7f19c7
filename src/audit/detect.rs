//! Says what each file is.

use std::path::Path;

use crate::platform::{Detected, Kind, PLATFORMS, Platform, Role, Sample};

/// A kind by name, of a platform or of authgap itself.
#[derive(Clone, Copy)]
pub enum KindName {
    /// A platform's.
    Platform(&'static dyn Platform, &'static Kind),
    /// The configuration.
    Config,
    /// A usage store.
    Store,
    /// A report of an earlier run.
    Report,
    /// The accepted state of the gate.
    Baseline,
}

impl KindName {
    /// The name that `--as` takes and reports print.
    pub fn id(&self) -> &'static str {
        match self {
            KindName::Platform(_, kind) => kind.id,
            KindName::Config => "authgap-config",
            KindName::Store => "authgap-usage",
            KindName::Report => "authgap-report",
            KindName::Baseline => "authgap-baseline",
        }
    }

    /// What it is.
    pub fn what(&self) -> &'static str {
        match self {
            KindName::Platform(_, kind) => kind.what,
            KindName::Config => "authgap's configuration",
            KindName::Store => "a usage table that authgap wrote",
            KindName::Report => "a report of an earlier run",
            KindName::Baseline => "the accepted state of the gate",
        }
    }
}

/// All kinds, in the order of platforms.
pub fn kinds() -> Vec<KindName> {
    let mut all: Vec<KindName> = Vec::new();
    for platform in PLATFORMS {
        all.extend(platform.kinds().iter().map(|kind| KindName::Platform(*platform, kind)));
    }
    all.extend([KindName::Config, KindName::Store, KindName::Report, KindName::Baseline]);
    all
}

/// Finds a kind by its id.
pub(super) fn by_id(id: &str) -> Option<KindName> {
    kinds().into_iter().find(|kind| kind.id() == id)
}

/// What a file is, by its beginning; the surest platform wins, the first of equals.
pub(super) fn detect(path: &str, real: &Path, head: &[u8], is_whole: bool) -> Option<KindName> {
    if let Some(own) = own(path, real, head) {
        return Some(own);
    }
    let sample = Sample { path, head, is_whole };
    let mut best: Option<(&'static dyn Platform, Detected)> = None;
    for platform in PLATFORMS {
        if let Some(detected) = platform.detect(&sample)
            && best.is_none_or(|(_, before)| detected.certainty > before.certainty)
        {
            best = Some((*platform, detected));
        }
    }
    best.map(|(platform, detected)| KindName::Platform(platform, detected.kind))
}

/// authgap's own files.
fn own(path: &str, real: &Path, head: &[u8]) -> Option<KindName> {
    let name = Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if matches!(name, "authgap.yaml" | "authgap.yml") {
        return Some(KindName::Config);
    }
    if head.starts_with(b"PAR1") {
        return is_store(real).then_some(KindName::Store);
    }
    let start = &head[..head.len().min(256)];
    let holds = |words: &[u8]| memchr::memmem::find(start, words).is_some();
    if holds(b"\"authgap-report/") {
        return Some(KindName::Report);
    }
    holds(b"\"authgap-baseline/").then_some(KindName::Baseline)
}

/// Whether a Parquet file names the store's schema in its footer, which is at the end of the file.
fn is_store(path: &Path) -> bool {
    use std::io::{Read, Seek, SeekFrom};
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(FOOTER_BYTES)))?;
        let mut tail = Vec::new();
        file.take(FOOTER_BYTES).read_to_end(&mut tail)?;
        Ok(tail)
    };
    read().is_ok_and(|tail| memchr::memmem::find(&tail, STORE_SCHEMA.as_bytes()).is_some())
}

/// The end of a Parquet file in which its metadata is searched.
const FOOTER_BYTES: u64 = 4 << 20;

/// The name of the store's schema.
pub(crate) const STORE_SCHEMA: &str = "authgap-usage/1";

/// Whether files of the kind are read as logs.
pub(super) fn is_log(kind: &Kind) -> bool {
    kind.role == Role::Events
}
