// Prints the keys in a bucket, a line each, as an application would that knows nothing but its name.
import { ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";

const [Bucket] = process.argv.slice(2);
const { Contents = [] } = await new S3Client({}).send(new ListObjectsV2Command({ Bucket }));
for (const { Key } of Contents) console.log(Key);
