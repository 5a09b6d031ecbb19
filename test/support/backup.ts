import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { backupsBucket } from '../../local/environment.ts';
import type { Production } from './production.ts';

/** Takes the checksum of the newest backup away, so that C1 fails; the answered function puts it back. */
export async function losesItsChecksum({ s3 }: Pick<Production, 's3'>): Promise<() => Promise<void>> {
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: backupsBucket }));
  const Key = Contents.map((object) => object.Key!).find((key) => key.endsWith('.sha256'))!;
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: backupsBucket, Key }));
  const checksum = await Body!.transformToString();
  await s3.send(new DeleteObjectCommand({ Bucket: backupsBucket, Key }));
  return async () => void (await s3.send(new PutObjectCommand({ Bucket: backupsBucket, Key, Body: checksum })));
}
