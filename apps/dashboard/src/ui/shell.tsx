import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { sessionQuery, versionQuery } from '../api/queries.ts';
import { changeSession, useChange, useMay } from '../api/session.ts';
import { useLiveness } from '../live/live.tsx';
import { useNow } from '../live/now.ts';
import { agoOf, timeOf } from '../model/numbers.ts';
import { Brand } from './brand.tsx';
import { HasMoved, useFocusOnHeading } from './heading-focus.tsx';
import { Mark } from './mark.tsx';
import { PasswordDialog } from './password-dialog.tsx';
import { ThemeSwitch } from './theme-switch.tsx';

const places = [
  { path: '/', name: 'Fleet', also: /^\/($|guests\/|copies\/)/ },
  { path: '/operations', name: 'Operations', also: /^\/operations/ },
  { path: '/events', name: 'Events', also: /^\/events/ },
  { path: '/findings', name: 'Findings', also: /^\/findings/ },
  { path: '/schedules', name: 'Schedules', also: /^\/schedules/ },
  { path: '/notifications', name: 'Notifications', also: /^\/notifications/ },
  { path: '/nodes', name: 'Nodes', also: /^\/nodes/ },
];
const operatorPlaces = [{ path: '/settings', name: 'Settings', also: /^\/settings/ }];
const adminPlaces = [
  { path: '/access', name: 'Access', also: /^\/access/ },
  { path: '/audit', name: 'Audit', also: /^\/audit/ },
];

/** What stands around every page. */
export function Shell({ children }: { children: ReactNode }) {
  const [location] = useLocation();
  const isOperator = useMay('operator');
  const isAdmin = useMay('admin');
  const hasMoved = useFocusOnHeading(location);
  return (
    <HasMoved value={hasMoved}>
      <div className="shell">
        <a className="skip" href="#main">
          Skip to the content
        </a>
        <header className="shell-head">
          <Link href="/" className="brand-link" aria-label="Tacet, to the fleet">
            <Brand />
          </Link>
          <nav aria-label="Main" className="shell-nav">
            {[...places, ...(isOperator ? operatorPlaces : []), ...(isAdmin ? adminPlaces : [])].map(
              ({ path, name, also }) => (
                <Link key={path} href={path} aria-current={also.test(location) ? 'page' : undefined}>
                  {name}
                </Link>
              ),
            )}
          </nav>
          <div className="shell-foot">
            <LivenessNote />
            <Account />
          </div>
        </header>
        <main id="main" className="shell-main">
          {children}
        </main>
        <footer className="page-foot">
          <Account />
        </footer>
      </div>
    </HasMoved>
  );
}

/** It has its place whatever it says, so that nothing moves when the connection goes. */
function LivenessNote() {
  const liveness = useLiveness();
  const now = useNow();
  if (liveness.kind === 'stale') {
    return (
      <p className="liveness" role="status">
        <Mark tone="watch" />
        <span>
          Stale since {timeOf(liveness.since)}
          <span className="quiet"> ({agoOf(liveness.since, now)}); trying again</span>
        </span>
      </p>
    );
  }
  return (
    <p className="liveness" role="status">
      <Mark tone={liveness.kind === 'live' ? 'good' : 'unknown'} />
      <span>{liveness.kind === 'live' ? 'Live' : 'Connecting'}</span>
    </p>
  );
}

function Account() {
  const client = useQueryClient();
  const { data: session } = useQuery(sessionQuery);
  const { data: version } = useQuery(versionQuery);
  const [isChanging, setChanging] = useState(false);
  const logOut = useChange(null, () => changeSession(client, null));
  return (
    <div className="account">
      <p>
        <strong>{session?.account.name}</strong> <span className="quiet">{session?.account.role}</span>
      </p>
      <button
        type="button"
        className="button"
        disabled={logOut.isPending}
        onClick={() => logOut.mutate({ method: 'DELETE', path: '/session' })}
      >
        Log out
      </button>
      <button type="button" className="button" onClick={() => setChanging(true)}>
        Change password
      </button>
      <ThemeSwitch />
      {isChanging && <PasswordDialog onClose={() => setChanging(false)} />}
      {version !== undefined && <p className="quiet version">Tacet {version.version}</p>}
    </div>
  );
}
