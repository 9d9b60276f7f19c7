//! The fields of a CloudTrail record that are read, and their positions.
//!
//! Names: CloudTrail User Guide, "CloudTrail record contents" and "userIdentity element"; members of
//! `requestParameters` are the API's with the first letter lowered. `requestParameters` and `resources` are
//! taken raw as well, because lists and rarer members are looked up only for the calls that have them.

use crate::platform::events::{Field, Fields, MAX_FIELDS, Take};

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident: $take:ident [$($key:literal),+];)+) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms,
            reason = "positions are written like the constants that they become")]
        #[repr(usize)]
        enum Position { $($name),+ }
        $($(#[$doc])* pub(super) const $name: usize = Position::$name as usize;)+
        /// The wanted fields, by position.
        pub(super) static FIELDS: &[Field] = &[$(Field { path: &[$($key),+], take: Take::$take }),+];
    };
}

fields! {
    EVENT_TIME: Scalar ["eventTime"];
    /// Records that Logstash rewrote have this instead of `eventTime`.
    AT_TIMESTAMP: Scalar ["@timestamp"];
    EVENT_SOURCE: Text ["eventSource"];
    EVENT_NAME: Text ["eventName"];
    REGION: Text ["awsRegion"];
    SOURCE_ADDRESS: Text ["sourceIPAddress"];
    USER_AGENT: Text ["userAgent"];
    ERROR_CODE: Text ["errorCode"];
    ERROR_MESSAGE: Text ["errorMessage"];
    EVENT_ID: Text ["eventID"];
    SHARED_EVENT_ID: Text ["sharedEventID"];
    /// The id of the record that an updated record replaces.
    ORIGINAL_EVENT_ID: Text ["addendum", "originalEventID"];
    EVENT_TYPE: Text ["eventType"];
    EVENT_CATEGORY: Text ["eventCategory"];
    MANAGEMENT_EVENT: Scalar ["managementEvent"];
    READ_ONLY: Scalar ["readOnly"];
    RECIPIENT_ACCOUNT: Scalar ["recipientAccountId"];
    SERVICE: Text ["additionalEventData", "service"];
    CONSOLE_LOGIN: Text ["responseElements", "ConsoleLogin"];
    CONSOLE_SESSION: Scalar ["sessionCredentialFromConsole"];
    /// Only in digest files.
    DIGEST_START: Scalar ["digestStartTime"];
    TYPE: Text ["userIdentity", "type"];
    PRINCIPAL_ID: Text ["userIdentity", "principalId"];
    ARN: Text ["userIdentity", "arn"];
    ACCOUNT: Scalar ["userIdentity", "accountId"];
    ACCESS_KEY: Text ["userIdentity", "accessKeyId"];
    USER_NAME: Text ["userIdentity", "userName"];
    INVOKED_BY: Text ["userIdentity", "invokedBy"];
    IDENTITY_PROVIDER: Text ["userIdentity", "identityProvider"];
    ISSUER_ARN: Text ["userIdentity", "sessionContext", "sessionIssuer", "arn"];
    ISSUER_ID: Text ["userIdentity", "sessionContext", "sessionIssuer", "principalId"];
    SOURCE_IDENTITY: Text ["userIdentity", "sessionContext", "sourceIdentity"];
    ON_BEHALF_OF: Text ["userIdentity", "onBehalfOf", "userId"];
    IN_SCOPE_OF: Text ["userIdentity", "inScopeOf", "sourceArn"];
    RESOURCES: Raw ["resources"];
    PARAMETERS: Raw ["requestParameters"];
    BUCKET_NAME: Text ["requestParameters", "bucketName"];
    VERSION_ID: Scalar ["requestParameters", "versionId"];
    TABLE_NAME: Text ["requestParameters", "tableName"];
    QUEUE_URL: Text ["requestParameters", "queueUrl"];
    QUEUE_NAME: Text ["requestParameters", "queueName"];
    TOPIC_ARN: Text ["requestParameters", "topicArn"];
    TARGET_ARN: Text ["requestParameters", "targetArn"];
    FUNCTION_NAME: Text ["requestParameters", "functionName"];
    SECRET_ID: Text ["requestParameters", "secretId"];
    NAME: Text ["requestParameters", "name"];
    KEY_ID: Text ["requestParameters", "keyId"];
    ROLE_ARN: Text ["requestParameters", "roleArn"];
    ROLE_NAME: Text ["requestParameters", "roleName"];
    IAM_USER_NAME: Text ["requestParameters", "userName"];
    POLICY_ARN: Text ["requestParameters", "policyArn"];
    GROUP_NAME: Text ["requestParameters", "groupName"];
    PROFILE_NAME: Text ["requestParameters", "instanceProfileName"];
    PATH: Text ["requestParameters", "path"];
    STREAM_NAME: Text ["requestParameters", "streamName"];
    CLUSTER: Text ["requestParameters", "cluster"];
    LOG_GROUP_NAME: Text ["requestParameters", "logGroupName"];
    REPOSITORY_NAME: Text ["requestParameters", "repositoryName"];
    STATE_MACHINE_ARN: Text ["requestParameters", "stateMachineArn"];
    DATABASE_NAME: Text ["requestParameters", "databaseName"];
    DB_INSTANCE: Text ["requestParameters", "dBInstanceIdentifier"];
}

/// The reader's limit on the number of fields.
const _: () = assert!(FIELDS.len() <= MAX_FIELDS);

/// The fields of one record, at hand: each is asked for several times.
pub(super) struct Record<'a>([&'a [u8]; MAX_FIELDS]);

impl<'a> Record<'a> {
    /// Takes all fields of a record.
    #[inline(always)]
    pub(super) fn new(fields: &dyn Fields<'a>) -> Record<'a> {
        let mut record = Record([&[]; MAX_FIELDS]);
        fields.all(&mut record.0);
        record
    }

    /// The field's bytes; empty if it is absent.
    #[inline(always)]
    pub(super) fn get(&self, field: usize) -> &'a [u8] {
        self.0.get(field).copied().unwrap_or_default()
    }
}
