import type { AuditEntry } from '@tacet/protocol';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { auditQuery } from '../../api/queries.ts';
import { useMay } from '../../api/session.ts';
import { selectEntries } from '../../model/audit.ts';
import { Answer } from '../../ui/answer.tsx';
import { Mark } from '../../ui/mark.tsx';
import { At } from '../../ui/moment.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { Empty } from '../../ui/panel.tsx';

const askAgainMs = 30_000;

/** Who did what. */
export function AuditPage() {
  if (useMay('admin')) return <Audit />;
  return (
    <>
      <PageHead title="Audit" />
      <Empty title="Only an admin sees who did what." />
    </>
  );
}

function Audit() {
  const audit = useQuery({ ...auditQuery, refetchInterval: askAgainMs });
  const [search, setSearch] = useState('');
  return (
    <>
      <PageHead title="Audit">
        What was changed or asked wrongly, by whom and from where; the newest hundred
      </PageHead>
      <search className="tools">
        <label className="tool tool-search">
          <span>Search</span>
          <input
            type="search"
            value={search}
            placeholder="Who, what, outcome, address"
            onChange={({ target }) => setSearch(target.value)}
          />
        </label>
      </search>
      <Answer query={audit} lines={12}>
        {(entries) => {
          const found = selectEntries(entries, search);
          if (entries.length === 0) return <Empty title="Nobody has done anything yet." />;
          return found.length === 0 ? <Empty title="No entry is like that." /> : <Entries entries={found} />;
        }}
      </Answer>
    </>
  );
}

const tones = { done: 'good', refused: 'watch', failed: 'bad' } as const;

function Entries({ entries }: { entries: readonly AuditEntry[] }) {
  return (
    <ol className="entries">
      {entries.map(({ sequence, at, who, what, outcome, code, address, method, path }) => (
        <li key={sequence} className="entry">
          <Mark tone={tones[outcome]} />
          <div>
            <p>
              <strong>{who === null ? 'Nobody known' : who.name}</strong>
              {who?.kind === 'token' && <span className="quiet"> (token)</span>}: {what}
              {outcome !== 'done' && <span> – {code ?? outcome}</span>}
            </p>
            <p className="quiet small break">
              <At at={at} /> · from {address} ·{' '}
              <span className="mono">
                {method} {path}
              </span>
            </p>
          </div>
        </li>
      ))}
    </ol>
  );
}
