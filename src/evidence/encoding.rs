//! Byte-order marks, and UTF-16 into UTF-8 piece by piece.

/// What the first bytes say about the encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// UTF-8, or anything else without a mark.
    Plain,
    /// UTF-8 behind a mark of three bytes.
    Utf8Mark,
    /// UTF-16, little end first.
    Utf16Little,
    /// UTF-16, big end first.
    Utf16Big,
    /// UTF-32 of either order.
    Utf32,
}

impl Encoding {
    /// From the first four bytes, or fewer if there are no more (Unicode 16, section 23.8, "Byte Order Mark").
    pub(crate) fn of(head: &[u8]) -> Encoding {
        match head {
            [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Encoding::Utf32,
            [0xff, 0xfe, ..] => Encoding::Utf16Little,
            [0xfe, 0xff, ..] => Encoding::Utf16Big,
            [0xef, 0xbb, 0xbf, ..] => Encoding::Utf8Mark,
            _ => Encoding::Plain,
        }
    }

    /// Length of the mark in bytes.
    pub(crate) fn mark(self) -> usize {
        match self {
            Encoding::Plain => 0,
            Encoding::Utf8Mark => 3,
            Encoding::Utf16Little | Encoding::Utf16Big => 2,
            Encoding::Utf32 => 4,
        }
    }

    /// Whether the text has to be turned into UTF-8.
    pub(crate) fn is_utf16(self) -> bool {
        matches!(self, Encoding::Utf16Little | Encoding::Utf16Big)
    }
}

/// Turns UTF-16 into UTF-8, in pieces cut anywhere. Halves of pairs without their partner become U+FFFD.
#[derive(Debug)]
pub(crate) struct Utf16 {
    big: bool,
    /// The first byte of a unit that was cut.
    odd: Option<u8>,
    /// A high surrogate that waits for its partner.
    high: Option<u16>,
}

impl Utf16 {
    pub(crate) fn new(encoding: Encoding) -> Utf16 {
        Utf16 { big: encoding == Encoding::Utf16Big, odd: None, high: None }
    }

    /// Adds the text of a piece to `out`.
    pub(crate) fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut piece = piece;
        if let (Some(first), Some((second, rest))) = (self.odd, piece.split_first()) {
            self.unit([first, *second], out);
            self.odd = None;
            piece = rest;
        }
        let (units, left) = piece.as_chunks::<2>();
        for unit in units {
            self.unit(*unit, out);
        }
        if let Some(byte) = left.first() {
            self.odd = Some(*byte);
        }
    }

    /// Ends the text.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        let cut_pair = self.high.take().is_some();
        let cut_unit = self.odd.take().is_some();
        if cut_pair || cut_unit {
            put(char::REPLACEMENT_CHARACTER, out);
        }
    }

    fn unit(&mut self, bytes: [u8; 2], out: &mut Vec<u8>) {
        let unit = if self.big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) };
        if let Some(high) = self.high.take() {
            if let Some(Ok(pair)) = char::decode_utf16([high, unit]).next() {
                put(pair, out);
                return;
            }
            put(char::REPLACEMENT_CHARACTER, out);
        }
        match unit {
            0xd800..=0xdbff => self.high = Some(unit),
            _ => put(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER), out),
        }
    }
}

fn put(character: char, out: &mut Vec<u8>) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}
