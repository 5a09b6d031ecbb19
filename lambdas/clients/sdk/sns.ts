export { PublishCommand, SNSClient, paginateListSubscriptionsByTopic } from '@aws-sdk/client-sns';
