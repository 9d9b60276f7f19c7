//! Path patterns of the configuration.

use globset::GlobBuilder;

/// Whether a path matches a pattern: `**` is any number of folders, `*` and `?` stay within a name. A pattern may
/// begin at any folder of the path, so that it holds wherever the evidence lies. A pattern that is none matches
/// nothing.
pub fn path_matches(pattern: &str, path: &str) -> bool {
    let pattern = format!("**/{}", pattern.trim_start_matches("./").trim_start_matches('/'));
    let glob = GlobBuilder::new(&pattern).literal_separator(true).build();
    glob.is_ok_and(|glob| glob.compile_matcher().is_match(path.trim_start_matches("./")))
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
            assert_eq!(path_matches(pattern, path), holds, "{pattern} {path}");
        }
    }
}
