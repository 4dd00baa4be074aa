import { MutationCache, QueryCache, QueryClient, QueryClientProvider, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Redirect, Route, Switch, useLocation } from 'wouter';
import { ApiProblem, isLoggedOut } from './api/problem.ts';
import { sessionQuery } from './api/queries.ts';
import { Live } from './live/live.tsx';
import { EventsPage } from './pages/events/events-page.tsx';
import { AccessPage } from './pages/access/access-page.tsx';
import { FindingsPage } from './pages/findings/findings-page.tsx';
import { FleetPage } from './pages/fleet/fleet-page.tsx';
import { CopyPage, GuestPage } from './pages/guest/guest-page.tsx';
import { LoginPage } from './pages/entrance/login-page.tsx';
import { SetupPage } from './pages/entrance/setup-page.tsx';
import { AuditPage } from './pages/audit/audit-page.tsx';
import { NotificationsPage } from './pages/notifications/notifications-page.tsx';
import { NodesPage } from './pages/nodes/nodes-page.tsx';
import { SettingsPage } from './pages/settings/settings-page.tsx';
import { NotFoundPage } from './pages/not-found-page.tsx';
import { OperationPage } from './pages/operations/operation-page.tsx';
import { OperationsPage } from './pages/operations/operations-page.tsx';
import { SchedulesPage } from './pages/schedules/schedules-page.tsx';
import { Brand } from './ui/brand.tsx';
import { ProblemNote } from './ui/problem-note.tsx';
import { Shell } from './ui/shell.tsx';

const tries = 3;

function newClient(): QueryClient {
  // A wrong password is refused in the same way: whether the session has ended, the session says.
  const noteLogout = (error: Error): void => {
    if (isLoggedOut(error)) void client.invalidateQueries({ queryKey: sessionQuery.queryKey });
  };
  const client: QueryClient = new QueryClient({
    defaultOptions: {
      queries: {
        // What the controller refuses, it refuses the next time too.
        retry: (count, error) => count < tries && error instanceof ApiProblem && error.code === 'unreachable',
        refetchOnWindowFocus: true,
      },
    },
    queryCache: new QueryCache({ onError: noteLogout }),
    mutationCache: new MutationCache({ onError: noteLogout }),
  });
  return client;
}

export function App() {
  const [client] = useState(newClient);
  return (
    <QueryClientProvider client={client}>
      <Gate />
    </QueryClientProvider>
  );
}

function Gate() {
  const session = useQuery(sessionQuery);
  const [location] = useLocation();
  if (location === '/setup') return <SetupPage />;
  // Blank for the fraction of a second that it takes; anything else would only flash.
  if (session.data === undefined && !session.isError) return <main className="entrance" aria-busy="true" />;
  if (session.data === undefined) {
    return (
      <main className="entrance">
        <Brand />
        <ProblemNote error={session.error} onRetry={() => void session.refetch()} />
      </main>
    );
  }
  if (session.data === null) return <LoginPage />;
  return (
    <Live>
      <Shell>
        <Switch>
          <Route path="/" component={FleetPage} />
          <Route path="/guests/:vmid" component={GuestPage} />
          <Route path="/copies/:id" component={CopyPage} />
          <Route path="/operations" component={OperationsPage} />
          <Route path="/operations/:id" component={OperationPage} />
          <Route path="/events" component={EventsPage} />
          <Route path="/findings" component={FindingsPage} />
          <Route path="/schedules" component={SchedulesPage} />
          <Route path="/notifications" component={NotificationsPage} />
          <Route path="/nodes" component={NodesPage} />
          <Route path="/settings" component={SettingsPage} />
          <Route path="/access" component={AccessPage} />
          <Route path="/audit" component={AuditPage} />
          <Route path="/login">
            <Redirect to="/" />
          </Route>
          <Route component={NotFoundPage} />
        </Switch>
      </Shell>
    </Live>
  );
}
