//! The names of AWS managed policies: whether a policy that is attached and absent is AWS's.
//!
//! Data: `data/managed-policy-names.tsv.gz` (`data/README.md`).

use std::io::Read;
use std::sync::OnceLock;

use hashbrown::HashMap;

use super::arn::Arn;

const NAMES: &[u8] = include_bytes!("data/managed-policy-names.tsv.gz");

/// The list is some hundred kilobytes.
const CAP: u64 = 16 << 20;

fn names() -> &'static HashMap<String, String> {
    static LIST: OnceLock<HashMap<String, String>> = OnceLock::new();
    LIST.get_or_init(|| {
        let mut text = String::new();
        let read = flate2::read::MultiGzDecoder::new(NAMES).take(CAP).read_to_string(&mut text);
        if read.is_err() {
            return HashMap::new();
        }
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| {
                let mut fields = line.split('\t');
                Some((fields.next()?.to_string(), fields.next()?.to_string()))
            })
            .collect()
    })
}

/// The ARN of the AWS managed policy with this name.
pub(crate) fn arn_of(name: &str) -> Option<&'static str> {
    names().get(name).map(String::as_str)
}

/// What is known of a policy that is attached and whose document is absent, in words.
pub(crate) fn absent(policy: &str) -> &'static str {
    let is_aws = Arn::parse(policy).is_some_and(|arn| arn.account == "aws");
    let name = policy.rsplit('/').next().unwrap_or(policy);
    match (is_aws, arn_of(name).is_some()) {
        (true, true) => "an AWS managed policy whose document is not in the evidence",
        (true, false) => {
            "an AWS managed policy, newer than the known names, whose document is not in the evidence"
        }
        (false, _) => "attached, and its document is not in the evidence",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_aws_are_known() {
        assert_eq!(names().len(), 1_594);
        assert_eq!(
            arn_of("AdministratorAccess"),
            Some("arn:aws:iam::aws:policy/AdministratorAccess")
        );
        assert!(absent("arn:aws:iam::aws:policy/NotYetThere").contains("newer"));
        assert!(absent("arn:aws:iam::111122223333:policy/own").starts_with("attached"));
    }
}
