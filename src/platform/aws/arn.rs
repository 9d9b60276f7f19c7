//! The parts of an Amazon Resource Name (AWS General Reference, "Amazon Resource Names").

/// A split ARN: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arn<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub(crate) partition: &'a str,
    /// Service prefix.
    pub(crate) service: &'a str,
    /// Account number; empty for some services (S3).
    pub(crate) account: &'a str,
    /// Everything after the fifth colon.
    pub(crate) resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Splits an ARN; `None` if the text is none.
    pub(crate) fn parse(text: &'a str) -> Option<Arn<'a>> {
        let mut parts = text.splitn(6, ':');
        let is_arn = parts.next() == Some("arn");
        let (partition, service) = (parts.next()?, parts.next()?);
        let (_, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        (is_arn && !resource.is_empty()).then_some(Arn { partition, service, account, resource })
    }

    /// Of an IAM ARN: the kind (`role`, `user`) and the name without path.
    pub(crate) fn iam(&self) -> Option<(&'a str, &'a str)> {
        let (kind, rest) = self.resource.split_once('/')?;
        let name = rest.rsplit('/').next()?;
        (self.service == "iam" && !name.is_empty()).then_some((kind, name))
    }
}

/// Whether a text is an account number: twelve digits.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_no_part_of_the_name() {
        let arn = Arn::parse("arn:aws:iam::111122223333:role/a/b/c").unwrap();
        assert_eq!(arn.account, "111122223333");
        assert_eq!(arn.iam(), Some(("role", "c")));
        assert_eq!(Arn::parse("arn:aws:iam::1:root").unwrap().iam(), None);
        assert_eq!(Arn::parse("arn:aws:iam"), None);
    }
}
