// Prints the ARN that the AWS SDK for JavaScript v3 is, by its default credential chain or with a
// profile.
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

const [profile] = process.argv.slice(2);
const client = new STSClient(profile ? { profile } : {});
const { Arn } = await client.send(new GetCallerIdentityCommand({}));
console.log(Arn);
