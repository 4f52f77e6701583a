// Makes GraphQL documents for a schema from random numbers. Whole ones are valid, apart from clashes
// of names. Faulty ones have mistakes where they are made, and damaged ones have other tokens.

import {
  getNamedType, getNullableType, isCompositeType, isEnumType, isInputObjectType, isListType, isNonNullType,
  isObjectType, isSpecifiedScalarType, isUnionType, Lexer, Source, TokenKind,
} from 'graphql';

const BROKEN_TOKENS = [
  ...'{}()[]:!$@=|&,#?<', '...', '..', 'on', 'query', 'mutation', 'subscription', 'fragment', 'type', 'extend',
  'true', 'null', '1', '01', '-', '1.', '.5', '1e', '1a', '1_0', '0x1', '99999999999999999999', '"', '""', '"""',
  '"""doc"""', '"\\x"', '"\\ud83c"', '"\\udf89"', '"\\ud83c\\udf89"', '"\\u{110000}"', '"\\u{}"', '"\\u{00000041}"',
  '"\\u{000000041}"', '"a\nb"', '"\u007f"', '"🎉"', '\u0000', '\u0007', 'é', '\ufeff', '\u00a0', "'a'",
];
const WRONG_VALUES = [
  '7', '-0', '2147483648', '-2147483648', '-2147483649', '1.5', '1e3', '"x"', 'true', 'null', 'ASC', 'PRICE', '"ASC"',
  '{}', '[]', '[1, [2]]', '[null]', '""', '{ a: 1 }', '{ field: PRICE, field: DATE }',
  '{ eventId: "x", quantity: 1, quantity: 7 }', '$v0', '"""block"""', '99999999999999999999',
];
const WRONG_DIRECTIVES = [
  'nothing', 'skip', 'skip(if: "x")', 'skip(if: null)', 'skip(unless: true)', 'include(if: true, if: false)',
  'include(if: true) @include(if: false)', 'deprecated', 'specifiedBy(url: "x")', 'oneOf', 'defer',
];
const WRONG_FIELDS = [
  'nothing', 'ID', 'id { id }', 'nodes', 'title(a: 1)', '__typename { id }', '__typename(a: 1)',
  '__type(name: "Event") { name }', '__schema { queryType { name } }', '__schema { types { fields { type { name } } } }',
  '__type(name: "Event") { fields { type { fields { type { fields { name } } } } } }',
];
const WRONG_TYPES = ['Nothing', 'Event', 'Int', '[ID!]', 'String!', 'EventOrder', 'Boolean = 7', '[[Int]]'];

// A source of numbers from 0 to 1 that are the same for the same seed (mulberry32).
export function numbersFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class Documents {
  // `ids` are used for arguments of type ID, and `without` names fields that are never selected.
  constructor(schema, random, { ids = ['x'], without = [] } = {}) {
    this.schema = schema;
    this.random = random;
    this.ids = ids;
    this.without = new Set(without);
    this.types = Object.values(schema.getTypeMap());
    this.composites = this.types.filter(isCompositeType);
    this.names = 0;
  }

  // A document with one operation or two. `fault` is the probability of each mistake.
  make({ fault = 0, operations = 1 } = {}) {
    this.fault = fault;
    this.fragments = [];
    const texts = [];
    for (let i = 0; i < operations; i += 1) texts.push(this.operation(operations > 1 || this.chance(0.4)));
    if (this.chance(this.fault)) texts.push('fragment Lonely on Event { id }');
    return texts.join('\n');
  }

  // The text with one or two other tokens.
  damage(text) {
    const tokens = [];
    const lexer = new Lexer(new Source(text));
    try {
      while (lexer.advance().kind !== TokenKind.EOF) tokens.push(text.slice(lexer.token.start, lexer.token.end));
    } catch {
      return text;
    }
    for (let i = 1 + this.below(2); i > 0; i -= 1) {
      const at = this.below(tokens.length);
      switch (this.below(4)) {
        case 0: tokens.splice(at, 1); break;
        case 1: tokens.splice(at, 0, tokens[at]); break;
        case 2: tokens.splice(at, 0, this.one(BROKEN_TOKENS)); break;
        default: tokens[at] = this.one([...BROKEN_TOKENS, ...tokens]);
      }
    }
    return tokens.join(this.chance(0.9) ? ' ' : '');
  }

  chance(probability) { return this.random() < probability; }

  below(count) { return Math.floor(this.random() * count); }

  one(list) { return list[this.below(list.length)]; }

  operation(isNamed) {
    const kind = this.one(['query', 'query', 'query', 'mutation', 'subscription']);
    const root = {
      query: this.schema.getQueryType(),
      mutation: this.schema.getMutationType(),
      subscription: this.schema.getSubscriptionType(),
    }[kind];
    this.variables = new Map();
    this.definitions = [];
    const isSingle = kind === 'subscription' && !this.chance(this.fault * 4);
    const body = this.selections(root, 4, isSingle);
    if (this.chance(this.fault)) this.variables.set(`unused${this.below(3)}`, { declared: 'Int' });
    let declared = [...this.variables].map(([name, variable]) => this.declaration(name, variable));
    if (this.chance(this.fault) && declared.length) declared.push(this.one(declared));
    if (this.chance(this.fault)) declared = declared.slice(1);
    const variables = declared.length ? `(${declared.join(', ')})` : '';
    this.names += 1;
    const name = isNamed ? ` Q${this.chance(this.fault) ? '' : this.names}` : '';
    const directive = this.chance(this.fault) ? ` @${this.one(WRONG_DIRECTIVES)}` : '';
    const header = `${kind}${name}${variables}${directive}`;
    const isShort = header === 'query' && this.chance(0.5);
    return [isShort ? body : `${header} ${body}`, ...this.definitions].join('\n');
  }

  declaration(name, { declared, type }) {
    if (this.chance(this.fault)) return `$${name}: ${this.one(WRONG_TYPES)}`;
    const hasDefault = type && !declared.endsWith('!') && this.chance(0.15);
    const variables = this.variables;
    this.variables = undefined;
    const text = `$${name}: ${declared}${hasDefault ? ` = ${this.literal(type, 2)}` : ''}`;
    this.variables = variables;
    return text;
  }

  selections(type, depth, isSingle = false) {
    const items = [];
    for (let i = isSingle ? 1 : 1 + this.below(4); i > 0; i -= 1) items.push(this.selection(type, depth, isSingle));
    return `{ ${items.join(' ')} }`;
  }

  selection(type, depth, isSingle) {
    const roll = this.random();
    if (depth > 0 && !isSingle && roll < 0.12) return this.inline(type, depth);
    if (depth > 0 && !isSingle && roll < 0.24) return this.spread(type, depth);
    return this.field(type, depth, isSingle);
  }

  // A type whose objects can be found where `type` is expected.
  overlapping(type) {
    if (this.chance(this.fault)) return this.one(this.types);
    const possible = (of) => (isObjectType(of) ? [of] : this.schema.getPossibleTypes(of));
    return this.one(this.composites.filter((other) => possible(other).some((one) => possible(type).includes(one))));
  }

  inline(type, depth) {
    if (this.chance(0.3)) return `... ${this.directives()}${this.selections(type, depth - 1)}`;
    const on = this.overlapping(type);
    const selections = this.selections(isCompositeType(on) ? on : type, depth - 1);
    return `... on ${on.name} ${this.directives()}${selections}`;
  }

  spread(type, depth) {
    if (this.chance(this.fault)) return `...${this.one(['Missing', 'Lonely', ...this.fragments])}`;
    const on = this.overlapping(type);
    const name = this.chance(this.fault) ? 'F0' : `F${this.fragments.length}`;
    this.fragments.push(name);
    const body = this.selections(isCompositeType(on) ? on : type, depth - 1);
    const loop = this.chance(this.fault) ? ` ...${name}` : '';
    const directive = this.chance(this.fault) ? `@${this.one(WRONG_DIRECTIVES)} ` : '';
    this.definitions.push(`fragment ${name} on ${on.name} ${directive}${body.slice(0, -1)}${loop} }`);
    return `...${name} ${this.directives()}`;
  }

  directives() {
    if (this.chance(this.fault)) return `@${this.one(WRONG_DIRECTIVES)} `;
    if (!this.chance(0.1)) return '';
    const condition = this.chance(0.5) ? this.one(['true', 'false']) : this.variable('Boolean!', this.schema.getType('Boolean'));
    return `@${this.one(['skip', 'include'])}(if: ${condition}) `;
  }

  field(type, depth, isSingle) {
    // Two fields with one name must be one field, which random ones are not.
    this.names += 1;
    const own = this.chance(this.fault ? 0.8 : 1) ? `a${this.names}` : this.one(['a', 'id', 'nodes', '__y']);
    const alias = isSingle || this.chance(this.fault ? 0.2 : 0.02) ? '' : `${own}: `;
    if (this.chance(this.fault)) return alias + this.one(WRONG_FIELDS);
    if (isUnionType(type) || (this.chance(0.08) && !isSingle)) return `${alias}__typename ${this.directives()}`;
    const field = this.one(Object.values(type.getFields()).filter(({ name }) => !this.without.has(name)));
    const of = getNamedType(field.type);
    if (isCompositeType(of) && depth <= 0) return `${alias}__typename`;
    const given = this.inputs(field.args, (arg) => this.value(arg.type, 3, arg.defaultValue !== undefined));
    if (this.chance(this.fault)) given.push(this.one(['first: 1', 'nothing: 2', 'id: "x"', 'input: null', ...given]));
    const args = given.length ? `(${given.join(', ')})` : '';
    const inner = isCompositeType(of) ? ` ${this.selections(of, depth - 1)}` : '';
    const body = this.chance(this.fault) ? this.one(['', ' { id }', ' {}']) : inner;
    return `${alias}${field.name}${args} ${isSingle ? '' : this.directives()}${body}`;
  }

  // Texts for all required arguments or fields, and for some others.
  inputs(definitions, valueOf) {
    const given = definitions.filter((one) => {
      const isRequired = isNonNullType(one.type) && one.defaultValue === undefined;
      return isRequired ? !this.chance(this.fault) : this.chance(0.3);
    });
    return given.map((one) => `${one.name}: ${valueOf(one)}`);
  }

  value(type, depth, hasDefault) {
    if (depth <= 0 || !this.variables || !this.chance(0.25)) return this.literal(type, depth);
    const nullable = getNullableType(type);
    const mayBeNull = !isNonNullType(type) || (hasDefault && this.chance(0.5));
    let declared = mayBeNull && this.chance(0.5) ? String(nullable) : `${nullable}!`;
    if (this.chance(this.fault * 2)) declared = this.one([String(nullable), `[${nullable}]`, 'Int', 'ID!', 'String']);
    return this.variable(declared, nullable);
  }

  variable(declared, type) {
    if (this.chance(this.fault)) return '$undeclared';
    const known = [...this.variables].filter(([, other]) => other.declared === declared);
    if (known.length && this.chance(0.3)) return `$${this.one(known)[0]}`;
    const name = `v${this.variables.size}`;
    this.variables.set(name, { declared, type });
    return `$${name}`;
  }

  literal(type, depth) {
    if (this.chance(this.fault * 2)) return this.one(WRONG_VALUES);
    if (!isNonNullType(type) && this.chance(0.08)) return 'null';
    const of = getNullableType(type);
    if (isListType(of)) {
      if (this.chance(0.15)) return this.literal(getNullableType(of.ofType), depth);
      const items = Array.from({ length: this.below(3) + 1 }, () => this.value(of.ofType, depth - 1, false));
      return `[${items.join(', ')}]`;
    }
    if (isEnumType(of)) return this.one(of.getValues()).name;
    if (isInputObjectType(of)) {
      const valueOf = (field) => this.value(field.type, depth - 1, field.defaultValue !== undefined);
      const fields = this.inputs(Object.values(of.getFields()), valueOf);
      if (this.chance(this.fault)) fields.push(this.one(['nothing: 1', 'quantity: 1', ...fields]));
      return `{ ${fields.join(' ')} }`;
    }
    if (!isSpecifiedScalarType(of) && this.chance(this.fault * 2)) {
      const inner = this.value(of, depth - 1, false);
      return this.chance(0.5) ? `[${inner}]` : `{ x: ${inner} }`;
    }
    switch (of.name) {
      case 'Int': return String(this.below(60));
      case 'Float': return this.one(['1', '1.5', '-2e3']);
      case 'Boolean': return this.one(['true', 'false']);
      case 'ID': return this.one(['7', ...this.ids.map((id) => `"${id}"`)]);
      case 'DateTime': return this.one(['"2026-01-01T00:00:00Z"', '"2100-01-01T00:00:00Z"']);
      case 'Decimal': return this.one(['"49.90"', '"7"', '"""0.5"""']);
      default: return this.one(['"x"', '"\\u00e9"', '"\\ud83c\\udf89"', '"\\u{1F389}"', '"""a\n  b"""']);
    }
  }
}
