import { invalidParameters } from './errors.ts';

export interface ParameterSpec {
  readonly type: 'string' | 'integer' | 'boolean';
  readonly required?: boolean;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: RegExp;
  /** The reason after `invalid format - `, or undefined when the value is fine. */
  readonly format?: (value: string) => string | undefined;
}

export type ParameterSchema = Readonly<Record<string, ParameterSpec>>;

/** Parameters as they arrive: form fields and query strings are text, JSON bodies may hold more. */
export type Parameters = Readonly<Record<string, string>>;

const BOOLEANS = new Map([
  ['1', '1'],
  ['on', '1'],
  ['yes', '1'],
  ['true', '1'],
  ['0', '0'],
  ['off', '0'],
  ['no', '0'],
  ['false', '0'],
]);

/**
 * Checks against the schema in PVE::JSONSchema's words and answers the parameters with booleans as `0`
 * and `1`. Throws a 400 with a map of the errors.
 */
export function validate(schema: ParameterSchema, parameters: Parameters): Parameters {
  const errors: Record<string, string> = {};
  const valid: Record<string, string> = {};
  for (const [name, value] of Object.entries(parameters)) {
    const spec = schema[name];
    if (spec === undefined) {
      errors[name] = 'property is not defined in schema and the schema does not allow additional properties';
      continue;
    }
    const problem = check(spec, value);
    if (problem !== undefined) errors[name] = problem;
    valid[name] = spec.type === 'boolean' ? (BOOLEANS.get(value.toLowerCase()) ?? value) : value;
  }
  for (const [name, spec] of Object.entries(schema)) {
    if (spec.required === true && valid[name] === undefined && errors[name] === undefined) {
      errors[name] = 'property is missing and it is not optional';
    }
  }
  if (Object.keys(errors).length > 0) throw invalidParameters(errors);
  return valid;
}

function check(spec: ParameterSpec, value: string): string | undefined {
  if (spec.type === 'integer') {
    if (spec.format === undefined && !/^[+-]?\d+$/.test(value)) {
      return `type check ('integer') failed - got '${value}'`;
    }
  } else if (spec.type === 'boolean' && !BOOLEANS.has(value.toLowerCase())) {
    return `type check ('boolean') failed - got '${value}'`;
  }
  const problem = spec.format?.(value);
  if (problem !== undefined) return `invalid format - ${problem}\n`;
  if (spec.pattern !== undefined && !spec.pattern.test(value))
    return 'value does not match the regex pattern';
  if (spec.enum !== undefined && !spec.enum.includes(value)) {
    return `value '${value}' does not have a value in the enumeration '${spec.enum.join(', ')}'`;
  }
  if (spec.minimum !== undefined && Number(value) < spec.minimum) {
    return `value must have a minimum value of ${spec.minimum}`;
  }
  if (spec.maximum !== undefined && Number(value) > spec.maximum) {
    return `value must have a maximum value of ${spec.maximum}`;
  }
  return undefined;
}

const isVmid = (value: string): boolean => /^[1-9]\d{2,8}$/.test(value);

export const VMID: ParameterSpec = {
  type: 'integer',
  format: (value) => (isVmid(value) ? undefined : 'value does not look like a valid VM ID'),
};

export const VMID_LIST: ParameterSpec = {
  type: 'string',
  format: (value) => (splitList(value).every(isVmid) ? undefined : 'value does not look like a valid VM ID'),
};

export const CONFIG_ID: ParameterSpec = {
  type: 'string',
  format: (value) => (/^[a-z][a-z0-9_-]+$/i.test(value) ? undefined : `invalid configuration ID '${value}'`),
};

export const STRING: ParameterSpec = { type: 'string' };
export const BOOLEAN: ParameterSpec = { type: 'boolean' };
export const INTEGER: ParameterSpec = { type: 'integer', minimum: 0 };

export function required(spec: ParameterSpec): ParameterSpec {
  return { ...spec, required: true };
}

/** Proxmox VE's lists are split at commas, semicolons, blanks and NULs. */
export function splitList(text: string): string[] {
  return text.split(/[,;\s\0]+/).filter((item) => item !== '');
}
