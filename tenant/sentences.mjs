// From a sentence to proposals: the small language that the rule-driven agent understands.
// Parsing only: nothing here knows who asks or what is allowed.

const EMAIL = /[^\s'"<>(),;:?!]+@[^\s'"<>(),;:?!]+/u;
const OKTA = 'OktaOperations';
const CIBA = 'CIBAAuthentication';

/** Each intent: how it is recognised, what it calls, what it needs and how to ask for that. Order matters. */
export const INTENTS = [
  {
    name: 'remove_user_from_group', group: CIBA, needs: ['user_email', 'group_name'],
    match: /\b(remove|take|delete|drop|kick)\b.*\b(from|out of)\b/i, what: 'remove {user_email} from {group_name}',
    ask: { user_email: 'Whom should I remove from the group?', group_name: 'Which group should I remove them from?' },
  },
  {
    name: 'add_user_to_group', group: CIBA, needs: ['user_email', 'group_name'],
    match: /\b(add|put|include|assign)\b.*\b(to|in|into)\b|\badd\b.*@|\b(add|put)\b.*\bgroup\b/i, what: 'add {user_email} to {group_name}',
    ask: { user_email: 'Whom should I add to the group?', group_name: 'Which group should I add them to?' },
  },
  {
    name: 'reset_password', group: CIBA, needs: ['user_email'],
    match: /\breset\b.*\bpass(word|code)s?\b|\bpass(word|code)s?\b.*\breset\b|\b(forgot|forgotten|lost)\b.*\bpassword\b|\b(new|change|renew)\b.*\bpassword\b|^\s*reset\b/i, what: 'reset the password of {user_email}',
    ask: { user_email: 'Whose password should I reset?' },
  },
  {
    name: 'unlock_user', group: CIBA, needs: ['user_email'],
    match: /\bunlock\b|\block(ed)? out\b|\bis locked\b/i, what: 'unlock {user_email}', ask: { user_email: 'Whose account should I unlock?' },
  },
  {
    name: 'revoke_sessions', group: CIBA, needs: ['user_email'],
    match: /\b(revoke|end|terminate|kill|close|clear|cancel)\b.*\bsessions?\b|\b(sign|log)\b.*\bout\b/i, what: 'end the sessions of {user_email}', ask: { user_email: 'Whose sessions should I end?' },
  },
  {
    name: 'authenticate_user', group: CIBA, needs: ['user_id'],
    match: /\b(authenticate|prove|verify|confirm)\b/i, what: 'ask {user_id} for a proof', ask: { user_id: 'Which user should prove to be present?' },
  },
  {
    name: 'get_user_groups', group: OKTA, needs: ['user_email'],
    match: /\b(groups?|memberships?|member of)\b/i, what: 'look up the groups of {user_email}', ask: { user_email: 'Whose groups should I look up?' },
  },
  {
    name: 'find_user', group: OKTA, needs: ['user_email'],
    match: /\b(find|look(ing)? ?up|look for|search|who is|show|details|profile|status of|does .* exist)\b/i, what: 'find {user_email}', ask: { user_email: 'Whom should I look for?' },
  },
];

export const intentOf = (name) => INTENTS.find((i) => i.name === name);

const NOT_A_NAME = new Set(`a an the this that his her their its my me him them it user users account accounts password passwords group groups okta everyone session sessions please of for
  from to in into all person colleague someone somebody which what whose who is are was member employee login email e-mail address out again now today up does details profile status
  with and or belong belongs has have can you could tell show list get give`.split(/\s+/));

const clean = (token) => token.replace(/^['"`]+/, '').replace(/(?<=.)(?:'s|’s)$/i, '').replace(/['"`.]+$/, '');

/** Every person named in a clause: e-mail addresses, quoted names, else a word after "for", "of", "user" and the like. */
export function peopleIn(clause) {
  const emails = [...clause.matchAll(new RegExp(EMAIL, 'gu'))].map((m) => clean(m[0]));
  if (emails.length) return emails;
  const quoted = [...clause.matchAll(/'([^']+)'|"([^"]+)"/g)].map((m) => m[1] ?? m[2]);
  if (quoted.length) return quoted;
  for (const m of clause.matchAll(/\b(?:for|of|user|account|find|unlock|add|put|remove|reset|is|look ?up|authenticate|does|show|out|verify)\s+(?=([^\s,;?!]+))/giu)) {
    const word = clean(m[1]);
    if (word && !NOT_A_NAME.has(word.toLowerCase())) return [word];
  }
  return [];
}

const PRONOUN = /\b(his|her|their|him|them|they|he|she|that (user|person|account)|the same|same (user|person))\b/i;
const MYSELF = /\b(my|me|myself|i)\b/i;

/** "... to the Helpdesk group", "into group 'Second line'", "from TestGroup". */
function membership(clause) {
  const m = /^(.*?)\b(?:to|into|in|from|out of)\s+(?:the\s+)?(?:okta\s+)?(?:group\s+(?:called\s+|named\s+)?)?(.*?)\s*$/isu.exec(clause);
  if (!m) return { who: clause, group: undefined };
  const group = m[2].replace(/[.?!]+$/, '').replace(/\s+group$/i, '').replace(/^['"]|['"]$/g, '').trim();
  return { who: m[1], group: group && !/^(a|an|the|some|any|group|another)$/i.test(group) ? group : undefined };
}

/** Cuts at "and", "then", full stops and the like, but not inside quotes. */
function clausesOf(sentence) {
  const held = [];
  const masked = sentence.replace(/'[^']*\s[^']*'|"[^"]*"/g, (q) => `\u0001${held.push(q) - 1}\u0001`);
  return masked.split(/\s*(?:[;\n]|\.(?=\s|$)|[?!](?=\s|$))\s*|,?\s+(?:and then|and also|then|and|also|plus|as well as)\s+|,\s+/i)
    .map((c) => c.replace(/\u0001(\d+)\u0001/g, (_, i) => held[i]).trim()).filter(Boolean);
}

/**
 * Proposals in the order of the sentence: [{intent, params}] with what is missing left out.
 * memory: {lastTarget, self, selfId}, for "his" and "my".
 */
export function understand(sentence, memory = {}) {
  const out = [];
  let current;
  let subject;
  for (const clause of clausesOf(sentence)) {
    const intent = INTENTS.find((i) => i.match.test(clause));
    if (intent) {
      current = intent;
      const { who, group } = intent.needs.includes('group_name') ? membership(clause) : { who: clause };
      const people = peopleIn(who);
      if (!people.length && PRONOUN.test(who)) people.push(subject ?? memory.lastTarget);
      if (!people.length && MYSELF.test(who) && memory.self) people.push(intent.needs[0] === 'user_id' ? memory.selfId ?? memory.self : memory.self);
      for (const person of people.length ? people : [undefined]) out.push(proposal(intent, person, group));
      subject = people.at(-1) ?? subject;
    } else if (current) {
      // "... of bob@example.test and carol@example.test", "... to Helpdesk and Engineering"
      const emails = clause.match(EMAIL) ? peopleIn(clause) : [];
      const { group } = current.needs.includes('group_name') ? membership(clause) : {};
      const last = out.at(-1);
      if (emails.length) {
        if (last.params[current.needs[0]] === undefined) last.params[current.needs[0]] = emails.shift();
        for (const person of emails) out.push(proposal(current, person, group));
        if (group) for (const p of out) if (p.intent === current && p.params.group_name === undefined) p.params.group_name = group;
        subject = emails.at(-1) ?? subject;
      } else if (current.needs.includes('group_name') && /^[\p{Lu}'"][^@]*$/u.test(clause)) {
        out.push(proposal(current, last.params.user_email, membership(`to ${clause}`).group));
      }
    }
  }
  // "reset the password and show the groups of bob": the one person of the sentence is meant throughout
  const named = [...new Set(out.flatMap((p) => [p.params.user_email, p.params.user_id]).filter(Boolean))];
  if (named.length === 1) for (const p of out) if (p.params[p.intent.needs[0]] === undefined) p.params[p.intent.needs[0]] = named[0];
  return out;
}

function proposal(intent, person, group) {
  const params = {};
  if (person !== undefined) params[intent.needs[0]] = person;
  if (group !== undefined) params.group_name = group;
  return { intent, params };
}

/** What is still missing in a proposal, or undefined. */
export const missing = ({ intent, params }) => intent.needs.find((n) => params[n] === undefined);

/** The answer to a question the agent asked: the whole text is the value, unless a name stands out in it. */
export function valueFromAnswer(need, text) {
  const bare = text.trim().replace(/[.?!]+$/, '');
  if (need === 'group_name') return (membership(bare).group ?? bare.replace(/^(the|group)\s+/i, '').replace(/\s+group$/i, '').replace(/^['"]|['"]$/g, '')).trim() || undefined;
  const people = peopleIn(bare);
  if (people.length) return people[0];
  const words = bare.replace(/^(for|of|user|the user|it is|it's|that would be|please)\s+/i, '');
  return /^\S{1,200}$/u.test(words) && !NOT_A_NAME.has(words.toLowerCase()) ? clean(words) : undefined;
}
