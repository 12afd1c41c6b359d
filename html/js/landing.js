/*
 * The first page.  It reads without a script (the sign-in link is plain); the
 * script only turns it into "go on" for someone who is signed in already.
 */

import { byId, setText } from './dom.js';
import { watchSession } from './session.js';
import { label } from './text.js';

watchSession({
    onIn: ({ user }) => setText(byId('landing-person'), label(user?.name || user?.email || user?.sub, 60)),
    onOut: () => setText(byId('landing-person'), ''),
});
