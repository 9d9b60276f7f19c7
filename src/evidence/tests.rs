use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::*;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zst(text: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(text, 3).unwrap()
}

fn utf16(text: &str, big: bool) -> Vec<u8> {
    let mut out = if big { vec![0xfe, 0xff] } else { vec![0xff, 0xfe] };
    for unit in text.encode_utf16() {
        out.extend(if big { unit.to_be_bytes() } else { unit.to_le_bytes() });
    }
    out
}

fn whole(bytes: &[u8]) -> Result<Whole, SourceError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, bytes).unwrap();
    read_whole(&path)
}

fn printed(found: &Discovered, below: &Path) -> Vec<String> {
    let prefix = format!("{}/", below.display());
    found
        .files
        .iter()
        .map(|file| file.printed.strip_prefix(&prefix).unwrap_or(&file.printed).to_string())
        .collect()
}

#[test]
fn packing_is_told_by_content_and_the_digest_is_of_the_stored_bytes() {
    let text = b"{\"a\":1}\n".repeat(5_000);
    for bytes in [text.clone(), gzip(&text), zst(&text)] {
        let read = whole(&bytes).unwrap();
        assert_eq!(read.bytes, text);
        assert_eq!(read.damaged, None);
        assert_eq!(read.sha256, hex(&<sha2::Sha256 as sha2::Digest>::digest(&bytes)));
    }
}

#[test]
fn all_gzip_members_and_zstd_frames_are_read() {
    let (one, two) = (b"first ".repeat(1_000), b"second".repeat(3_000));
    let both = [one.clone(), two.clone()].concat();
    assert_eq!(whole(&[gzip(&one), gzip(&two)].concat()).unwrap().bytes, both);
    assert_eq!(whole(&[zst(&one), zst(&two)].concat()).unwrap().bytes, both);
}

#[test]
fn garbage_after_gzip_is_told_and_zero_padding_is_not() {
    let garbage = whole(&[gzip(b"text"), b"garbage".to_vec()].concat()).unwrap();
    assert_eq!((garbage.bytes.as_slice(), garbage.damaged), (&b"text"[..], None));
    assert_eq!(garbage.notes, ["7 bytes after the end of the gzip data were ignored"]);
    let padded = whole(&[gzip(b"text"), vec![0; 512]].concat()).unwrap();
    assert_eq!((padded.bytes.as_slice(), padded.notes.len()), (&b"text"[..], 0));
}

#[test]
fn a_cut_file_gives_what_came_before_the_cut() {
    let text: Vec<u8> = (0..20_000u32).flat_map(|n| n.to_string().into_bytes()).collect();
    for packed in [gzip(&text), zst(&text)] {
        let cut = whole(&packed[..packed.len() / 2]);
        // zstd shows a frame only block by block, so that half of a small one may hold nothing.
        match cut {
            Ok(cut) => {
                assert!(cut.damaged.is_some());
                assert!(text.starts_with(&cut.bytes) && cut.bytes.len() < text.len());
            }
            Err(error) => assert!(matches!(error, SourceError::Undecodable(_)), "{error}"),
        }
    }
    let mut wrong = gzip(&text);
    let at = wrong.len() - 6;
    wrong[at] ^= 1;
    let wrong = whole(&wrong).unwrap();
    assert_eq!(wrong.bytes, text);
    assert!(wrong.damaged.is_some());
}

#[test]
fn byte_order_marks_are_removed_and_utf16_is_converted() {
    let text = "{\"name\":\"é😀\"}".repeat(3_000);
    let marked = [&[0xef, 0xbb, 0xbf], text.as_bytes()].concat();
    assert_eq!(whole(&marked).unwrap().bytes, text.as_bytes());
    for big in [false, true] {
        for bytes in [utf16(&text, big), gzip(&utf16(&text, big))] {
            let read = whole(&bytes).unwrap();
            assert_eq!(read.bytes, text.as_bytes());
            assert_eq!(read.notes.len(), 1);
        }
    }
    let lone = [0xff, 0xfe, 0x61, 0, 0x00, 0xd8, 0x62, 0, 0x63];
    assert_eq!(whole(&lone).unwrap().bytes, "a\u{fffd}b\u{fffd}".as_bytes());
    let error = whole(&[0xff, 0xfe, 0, 0, 0x61, 0, 0, 0]).unwrap_err();
    assert!(error.to_string().contains("UTF-32"), "{error}");
}

#[test]
fn a_bomb_stops_at_the_cap() {
    let folder = tempfile::tempdir().unwrap();
    let bomb = gzip(&vec![b' '; 8 << 20]);
    assert!(bomb.len() < 100_000);
    let path = folder.path().join("bomb");
    fs::write(&path, bomb).unwrap();
    let error = read_whole_capped(&path, 1 << 20).unwrap_err();
    assert!(matches!(error, SourceError::TooLarge { limit } if limit == 1 << 20));
    assert_eq!(read_whole_capped(&path, 8 << 20).unwrap().bytes.len(), 8 << 20);
}

#[test]
fn the_head_says_whether_it_is_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    for (size, whole) in [(0, true), (10, true), (HEAD_BYTES, true), (HEAD_BYTES + 1, false)] {
        let text = vec![b'x'; size];
        for bytes in [text.clone(), gzip(&text)] {
            fs::write(&path, &bytes).unwrap();
            let head = open_head(&path).unwrap();
            assert_eq!((head.text.len(), head.is_whole), (size.min(HEAD_BYTES), whole));
            assert_eq!(head.size, bytes.len() as u64);
        }
    }
}

#[test]
fn empty_missing_and_folder() {
    assert_eq!(whole(b"").unwrap().bytes, b"");
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(read_whole(&folder.path().join("none")), Err(SourceError::Io(_))));
    assert!(matches!(read_whole(folder.path()), Err(SourceError::NotAFile)));
}

#[test]
fn folders_globs_and_files_give_one_sorted_list_whatever_the_order() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for name in ["b/two.json", "a/one.json", ".hidden/x.gz", "a/deep/er/y.txt", "c.json"] {
        fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        fs::write(root.join(name), name).unwrap();
    }
    let all = discover(&[root.to_path_buf()]);
    let expected = [".hidden/x.gz", "a/deep/er/y.txt", "a/one.json", "b/two.json", "c.json"];
    assert_eq!(printed(&all, root), expected);
    assert_eq!(all.problems, []);

    let mixed = [root.join("c.json"), root.join("a"), root.join("./a/one.json"), root.join("?")];
    let mut turned = mixed.clone();
    turned.reverse();
    let (mixed, turned) = (discover(&mixed), discover(&turned));
    assert_eq!(printed(&mixed, root), &expected[1..]);
    assert_eq!(
        mixed.files.iter().map(|file| &file.printed).collect::<Vec<_>>(),
        turned.files.iter().map(|file| &file.printed).collect::<Vec<_>>()
    );
    assert_eq!(printed(&discover(&[root.join("**/*.json")]), root), &expected[2..]);
    assert_eq!(printed(&discover(&[root.join("*.json")]), root), ["c.json"]);
}

#[test]
fn what_leads_to_nothing_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let none: [PathBuf; 2] = [folder.path().join("none"), folder.path().join("*.json")];
    let found = discover(&none);
    assert!(found.files.is_empty());
    assert_eq!(found.problems.len(), 2);
    assert!(found.problems.iter().all(|problem| problem.level == crate::diagnostic::Level::Error));
}

#[cfg(unix)]
#[test]
fn links_are_followed_once_and_loops_are_told() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir(root.join("logs")).unwrap();
    fs::write(root.join("logs/a.json"), "a").unwrap();
    symlink(root, root.join("logs/loop")).unwrap();
    symlink(root.join("logs/a.json"), root.join("again.json")).unwrap();
    symlink(root.join("gone"), root.join("dangling")).unwrap();
    let found = discover(&[root.to_path_buf()]);
    assert_eq!(printed(&found, root), ["again.json"]);
    let text: Vec<&str> = found.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(text.len(), 2, "{text:?}");
    assert!(text.iter().any(|text| text.starts_with("symbolic link loop")), "{text:?}");
    assert!(
        text.iter().any(|text| text.starts_with("symbolic link that leads nowhere")),
        "{text:?}"
    );
}

#[cfg(unix)]
#[test]
fn a_pipe_in_a_folder_is_left_out_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if !made.is_ok_and(|status| status.success()) {
        println!("skipped: no mkfifo");
        return;
    }
    let found = discover(&[folder.path().to_path_buf()]);
    assert!(found.files.is_empty());
    assert_eq!(found.problems.len(), 1);
    assert!(matches!(open_head(&pipe), Err(SourceError::NotAFile)));
}
