import { guestSelectorSchema } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import { type SelectableGuest, selectGuests, whyIncluded } from './select-guests.ts';

const guests: SelectableGuest[] = [
  { vmid: 101, name: 'shop-db', tags: ['prod', 'db'], pool: 'shop' },
  { vmid: 102, name: 'shop-web', tags: ['prod'], pool: 'shop' },
  { vmid: 103, name: 'wiki', tags: ['prod'], pool: undefined },
  { vmid: 104, name: 'scratch', tags: [], pool: 'shop/lab' },
  { vmid: 105, name: undefined, tags: [], pool: undefined },
];

const select = (selector: object) => {
  const { selected, unmatched } = selectGuests(guestSelectorSchema.parse(selector), guests);
  return { vmids: selected.map(({ vmid }) => vmid), unmatched };
};

describe('the selection of guests', () => {
  it('says what of it matches a guest', () => {
    const selector = guestSelectorSchema.parse({
      include: { vmids: [102], tags: ['PROD', 'db'], names: ['shop-*'] },
    });
    expect(guests.map((guest) => whyIncluded(selector, guest))).toEqual([
      ['tag PROD', 'tag db', 'name shop-*'],
      ['VMID 102', 'tag PROD', 'name shop-*'],
      ['tag PROD'],
      [],
      [],
    ]);
  });

  it.each([
    ['all', { include: { all: true } }, [101, 102, 103, 104, 105]],
    ['by VMID', { include: { vmids: [105, 101] } }, [101, 105]],
    ['by tag, of any case', { include: { tags: ['DB'] } }, [101]],
    ['by pool, without the pools below it', { include: { pools: ['shop'] } }, [101, 102]],
    ['by name', { include: { names: ['shop-*'] } }, [101, 102]],
    ['by one of many, each once', { include: { vmids: [101], tags: ['db'], names: ['w?ki'] } }, [101, 103]],
    ['without excluded ones', { include: { all: true }, exclude: { vmids: [105], tags: ['prod'] } }, [104]],
    ['without what is both', { include: { vmids: [101, 102] }, exclude: { names: ['*-db'] } }, [102]],
    ['without a pool', { include: { all: true }, exclude: { pools: ['shop'] } }, [103, 104, 105]],
  ])('%s', (_, selector, vmids) => {
    expect(select(selector)).toEqual({ vmids, unmatched: [] });
  });

  it('tells what matches nobody', () => {
    const include = { vmids: [101, 999], tags: ['prd', 'prod'], pools: ['Shop'], names: ['web*'] };
    expect(select({ include })).toEqual({
      vmids: [101, 102, 103],
      unmatched: ['VMID 999', 'tag prd', 'pool Shop', 'name web*'],
    });
  });

  it('does not tell of what is only excluded in the end', () => {
    expect(select({ include: { vmids: [101] }, exclude: { vmids: [101] } })).toEqual({
      vmids: [],
      unmatched: [],
    });
  });
});
