import { CfnDocument } from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import type { HostDocument } from '../hosts/documents.ts';
import type { Names } from '../names.ts';

/** The SSM documents, made one after the other: SSM throttles whoever makes many at once. */
export class HostDocuments extends Construct {
  constructor(
    scope: Construct,
    id: string,
    { documents, names }: { documents: readonly HostDocument[]; names: Names },
  ) {
    super(scope, id);
    let earlier: CfnDocument | undefined;
    for (const { name, content } of documents) {
      const document = new CfnDocument(this, name, {
        name: names.document(name),
        documentType: 'Command',
        documentFormat: 'JSON',
        content,
        // A document of a fixed name is not replaced: a change is a new version, which becomes the default.
        updateMethod: 'NewVersion',
      });
      if (earlier) document.addResourceDependency(earlier);
      earlier = document;
    }
  }
}
