export { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda';
