import { expect, it } from 'vitest';
import { withoutValues } from './mariadb-statements.ts';

it.each([
  ['UPDATE sessions SET hits = hits + 1 WHERE id = 7', 'UPDATE sessions SET hits = hits + …'],
  ["INSERT INTO users VALUES ('Ada', 'secret')", 'INSERT INTO users VALUES ( …'],
  ['DELETE FROM t2 WHERE name="x"', 'DELETE FROM t2 WHERE name= …'],
  ['OPTIMIZE TABLE shop.log', 'OPTIMIZE TABLE shop.log'],
  ["/* user='ada' */ UPDATE t SET a = b", 'UPDATE t SET a = b'],
  ['UPDATE t SET a = b -- for ada', 'UPDATE t SET a = b …'],
  ['UPDATE t SET a = b # for ada', 'UPDATE t SET a = b …'],
  ["UPDATE t\\n  SET\\ta = '\\'secret'", 'UPDATE t SET a = …'],
  ["UPDATE t SET a = 'it''s /* secret */ here'", 'UPDATE t SET a = …'],
  ['UPDATE t SET a = x/* never ended', 'UPDATE t SET a = x'],
  [`UPDATE ${'x'.repeat(200)}`, `UPDATE ${'x'.repeat(113)} …`],
  ['', ''],
])('%s is shown as %s', (statement, shown) => {
  expect(withoutValues(statement)).toBe(shown);
});
