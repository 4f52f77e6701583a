// GraphQL Code Generator generates types for a client's operations from the schema.

import assert from 'node:assert/strict';
import { codegen } from '@graphql-codegen/core';
import * as typescript from '@graphql-codegen/typescript';
import * as operations from '@graphql-codegen/typescript-operations';
import { buildSchema, parse, printSchema } from 'graphql';
import { BOOK, CANCEL, COUNTS, schema } from './setup.mjs';

const generated = await codegen({
  filename: 'types.ts',
  schema: parse(printSchema(buildSchema(schema))),
  documents: [BOOK, CANCEL, COUNTS].map((text) => ({ document: parse(text) })),
  config: { scalars: { DateTime: 'string', Decimal: 'string' }, strictScalars: true },
  plugins: [{ typescript: {} }, { operations: {} }],
  pluginMap: { typescript, operations },
});
for (const type of ['BookMutation', 'CancelMutation', 'CountsSubscription', 'EventOrderField']) {
  assert.match(generated, new RegExp(`export (type|enum) ${type}\\b`), type);
}
