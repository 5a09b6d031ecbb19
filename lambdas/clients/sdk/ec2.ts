export {
  CreateSnapshotCommand,
  DeleteSnapshotCommand,
  EC2Client,
  paginateDescribeSnapshots,
  paginateDescribeVolumes,
} from '@aws-sdk/client-ec2';
