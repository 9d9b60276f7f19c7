//! The fields of a CloudTrail record that are read, and their positions.
//!
//! Names: CloudTrail User Guide, "CloudTrail record contents" and "userIdentity element"; members of
//! `requestParameters` are the API's with the first letter lowered. Objects are taken raw as well, or only so, where
//! lists and rarer members are looked up only for the calls that have them.

pub(super) use crate::platform::events::Record;
use crate::platform::events::fields;

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
    ADDITIONAL: Raw ["additionalEventData"];
    RESPONSE: Raw ["responseElements"];
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
    LOG_GROUP: Text ["requestParameters", "logGroupIdentifier"];
    SERVICE: Text ["requestParameters", "service"];
    TASK_DEFINITION: Text ["requestParameters", "taskDefinition"];
    REPOSITORY_NAME: Text ["requestParameters", "repositoryName"];
    STATE_MACHINE_ARN: Text ["requestParameters", "stateMachineArn"];
    DATABASE_NAME: Text ["requestParameters", "databaseName"];
    DB_INSTANCE: Text ["requestParameters", "dBInstanceIdentifier"];
}
