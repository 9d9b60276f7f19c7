//! Path patterns of the configuration.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::model::Str;

/// Some path patterns: `**` is any number of folders, `*` and `?` stay within a name. A pattern may begin at any folder
/// of the path, so that it holds wherever the evidence lies. A pattern that is none matches nothing.
#[derive(Debug, Clone)]
pub struct PathPatterns(GlobSet);

impl PathPatterns {
    /// Compiles patterns.
    pub fn new(patterns: &[Str]) -> PathPatterns {
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            let anywhere =
                format!("**/{}", pattern.trim_start_matches("./").trim_start_matches('/'));
            if let Ok(glob) = GlobBuilder::new(&anywhere).literal_separator(true).build() {
                set.add(glob);
            }
        }
        PathPatterns(set.build().unwrap_or_default())
    }

    /// Whether one of them matches a path.
    pub fn matches(&self, path: &str) -> bool {
        self.0.is_match(path.trim_start_matches("./"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stay_within_folders_and_double_stars_cross_them() {
        for (pattern, path, holds) in [
            ("k8s/east/**", "evidence/k8s/east/rbac.yaml", true),
            ("k8s/east/**", "k8s/east/a/b/c.log", true),
            ("k8s/*/rbac.yaml", "k8s/east/rbac.yaml", true),
            ("k8s/*/rbac.yaml", "k8s/east/more/rbac.yaml", false),
            ("traces/support-?.json", "x/traces/support-1.json", true),
            ("**", "anything", true),
            ("**/audit*.log", "a/b/audit-1.log", true),
            ("east/**", "northeast/x", false),
            ("k8s/east", "k8s/east/rbac.yaml", false),
            ("[", "[", false),
        ] {
            let patterns = PathPatterns::new(&[pattern.into()]);
            assert_eq!(patterns.matches(path), holds, "{pattern} {path}");
        }
    }
}
