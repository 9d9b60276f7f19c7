//! Equal texts held once.

use hashbrown::HashSet;
use std::sync::Arc;

use super::Str;

/// More texts than this are not remembered: what follows is shared anew.
const CAP: usize = 1 << 20;

/// Texts and lists of texts that were met, so that many rows that say the same hold it once.
///
/// What it gives back is equal to what it was given; only the memory differs.
#[derive(Debug, Default)]
pub struct Texts {
    texts: HashSet<Str>,
    lists: HashSet<Arc<[Str]>>,
}

impl Texts {
    /// The shared form of a text.
    pub fn share(&mut self, text: &str) -> Str {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        if self.texts.len() >= CAP {
            self.texts.clear();
        }
        let shared: Str = text.into();
        self.texts.insert(shared.clone());
        shared
    }

    /// The shared form of a list.
    pub fn share_list(&mut self, list: &[Str]) -> Arc<[Str]> {
        if let Some(known) = self.lists.get(list) {
            return known.clone();
        }
        if self.lists.len() >= CAP {
            self.lists.clear();
        }
        let shared: Arc<[Str]> = list.into();
        self.lists.insert(shared.clone());
        shared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_and_lists_are_one() {
        let mut texts = Texts::default();
        let (first, again) = (texts.share("a"), texts.share(&String::from("a")));
        assert!(Arc::ptr_eq(&first, &again));
        assert!(!Arc::ptr_eq(&first, &texts.share("b")));
        let list = texts.share_list(&[first.clone(), "b".into()]);
        assert!(Arc::ptr_eq(&list, &texts.share_list(&["a".into(), "b".into()])));
        assert_eq!(*list, ["a".into(), "b".into()]);
    }
}
