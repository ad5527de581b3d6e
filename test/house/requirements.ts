// What the whole is held to: every row of the checklist, in words of our own. docs/standards.md shows which tests prove which.
//
// Sources: a bare number is an RFC (8628§3.5 is RFC 8628, section 3.5). 10027 is BCP 247, 9700 is BCP 240, 2.1 the OAuth 2.1
// draft, 7523bis its draft. Core, Disc, RPI, BCL are OpenID Connect Core, Discovery, RP-Initiated and Back-Channel Logout;
// WCAG is 2.2, OWASP its cheat sheets. (?) marks a section that is cited without having been read for this list.
// Levels: MUST and SHOULD are asked by the source; OURS is our choice, or stricter than the source. OPT binds only when
// that option is built.

export interface Requirement {
  readonly id: string
  readonly component: string
  readonly level: 'MUST' | 'SHOULD' | 'OURS'
  readonly optional: boolean
  readonly source: string
  readonly words: string
}

/** Components whose MUST rows need a test now; those of the others are shown as open until they are built. */
export const PROVEN_NOW: readonly string[] = ['Server, token side', 'Server, device grant']

/** Options that are built here, and bind like any other row. */
export const CHOSEN_OPTIONS: readonly string[] = ['OI-07']

/** MUST rows of the components above that no test proves yet. Only ever shorten this list. */
export const STILL_OPEN: readonly string[] = []

// id | level | source | words
const TABLE = `
# Server, token side
TOK-01 | MUST | 6749§3.2, 9110§15.5.6 | POST alone; any other method gets 405 with Allow: POST and nothing is processed
TOK-02 | OURS | 6749§4.1.3, App B | The body is a UTF-8 form; JSON, multipart, plain text or no type is invalid_request
TOK-03 | MUST | 6749§3.2, 8707§2 | A known parameter given twice is refused (resource may repeat), an empty one is absent, an unknown one ignored
TOK-04 | MUST | 6749§2.3.1 | The query is never read; a credential in it is invalid_request
TOK-05 | MUST | 6749§5.1, §3.3 | Success is JSON with access_token, token_type, whole expires_in, and scope always
TOK-06 | MUST | 6749§5.1 | Answers of the protocol endpoints, errors too, are no-store
TOK-07 | MUST | 6749§5.2 | An error is JSON in the allowed characters, without HTML, stack or echoed input
TOK-08 | MUST | 6749§5.2, 9700§2.4 | Missing, unknown, password and implicit grant types, and grants the client may not use, each get their error
TOK-09 | MUST | 6749§3.3 | A scope that is unknown, malformed or not the client's is invalid_scope; left out it means the default
TOK-10 | OURS | 6749§5.2 | Checks come in a fixed order, so that an unauthenticated caller learns nothing about grants
TOK-11 | MUST | 6749§4.4, §4.4.3 | Client credentials: confidential clients alone, no refresh token, no id_token, no openid
TOK-12 | MUST | 6749§4.1.2 | An authorization code lives a minute, is bound to its request, and a second use ends what the first one got
TOK-13 | MUST | 6749§4.1.3, 2.1§10.2 | A redirect_uri at the token endpoint equals the one of the authorization; none is fine
CLI-01 | MUST | 6749§2.3.1 | Basic credentials are split at the first colon, then form-decoded; the scheme's case does not matter
CLI-02 | OURS | 6749§3.2.1, 2.1§2.4.1, 7591§2 | Only the registered authentication method works; a secret from a public client is invalid_client
CLI-03 | MUST | 6749§2.3, §5.2 | Two methods in one request, or two client ids, are invalid_request
CLI-04 | MUST | 6749§5.2, 9110§15.5.2 | Failure is 401 with a challenge; unknown, disabled and wrong secret answer alike
CLI-05 | MUST | 6749§2.3.1, §10.10 | Secrets are 256 random bits, kept as digests, compared in constant time; failures are throttled
CLI-06 | MUST | 7523§2.2, §3, §3.2 | private_key_jwt: the exact assertion type; iss, sub and client_id are the same client
CLI-07 | MUST | 7523bis§4, Core§9 (both drafts) | The assertion's audience is our issuer alone; the token endpoint's address is refused
CLI-08 | MUST | 7523§3 | The assertion expires, at most five minutes ahead; a minute of skew is forgiven
CLI-09 | MUST | Core§9, 7523§3 | The assertion's jti is good once until it expires, across a restart too
CLI-10 | MUST | 8725§3.1, 7523bis§4 | Assertion algorithms come from the registered key; none, HMAC, embedded keys and a wrong typ are refused
CLI-11 | OURS | 7591§2 | Client keys are inline, two may live during rotation; disabling a client ends what it holds
AZ-01 | MUST | 9700§2.6, 2.1§3.1 | The authorization endpoint takes GET and POST and never has a CORS header
AZ-02 | MUST | 6749§4.1.2.1, 9700§2.1.2 | response_type=code alone; anything else is told to the valid redirect_uri
AZ-03 | MUST | 6749§4.1.2.1 | A bad client_id or redirect_uri is a page, never a redirect
AZ-04 | MUST | 9700§2.1, 8252§7.3, §8.4 | redirect_uri matches exactly; only the port of a loopback address may differ
AZ-05 | MUST | 8252§8.4, 9700§2.6, 6749§3.1.2 | Only https, loopback http and dotted private schemes can be registered; no fragment, no wildcard
AZ-06 | MUST | 6749§4.1.2, 9207§2, §2.3 | state comes back byte for byte, and iss is in every response, errors too
AZ-07 | MUST | 9700§4.12 | A redirect after a form with credentials is 303
AZ-08 | MUST | 7636§4.4.1, 9700§2.1.1 | PKCE is asked of every client
AZ-09 | OURS | 7636§4.2-4.4.1 | S256 alone; plain, or no method, is invalid_request
AZ-10 | MUST | 7636§4.1, §4.6, 9700§4.8 | A verifier that is missing, wrong, or without a challenge is invalid_grant
AZ-11 | MUST | Core§3.1.2.1, §3.1.2.6 | prompt and max_age are heeded; request and request_uri by value get their errors
AZ-12 | SHOULD | 8252§8.6, 9700§4.11.2 | No silent approval for a client whose identity is unproven; a person signs in before a foreign redirect
RT-01 | OURS | 9700§2.2.2, §4.14.2 | Each refresh gives a new refresh token and spends the old one, for every kind of client
RT-02 | MUST | 6749§10.4 | A refresh token is 256 random bits, opaque, kept as a digest, tied to its family
RT-03 | MUST | 6749§6, §5.2 | Another client's refresh token is invalid_grant and an event; the family stays
RT-04 | MUST | 6749§6, 8707§2.2 | A narrower scope narrows the access token alone; a wider one, or a foreign resource, is refused
RT-05 | OURS | 9700§4.14.2 | The parent of an unused successor gets that same successor again, for a minute
RT-06 | OURS | 9700§4.14.2 | For key-bound clients until the successor is used, thirty days at most
RT-07 | MUST | 9700§4.14.2 | An older token, or a parent whose successor was used, is reuse: the family ends
RT-08 | OURS | 9700§4.14.2 | Parallel uses leave one live leaf; no token leaves after a revocation was committed
RT-09 | OURS | 6749§10.4 | A database dump yields no usable refresh token
RT-10 | SHOULD | 9700§4.14.2 | A link ends unused after 90 days, at last after 365, and when account, device or client ends
RT-11 | MUST | 9449§5 | A public client's bound refresh token needs its key; a wrong proof consumes nothing
RT-12 | MUST | Core§11, §12.2 | The code flow gives a refresh token for offline_access alone; a refreshed id_token keeps who and when
RT-13 | OURS OPT | draft -03 (?) | Lifetimes of the authorization in the token response (draft)
DP-01 | MUST | 9449§4.2, §4.3, §5 | A proof is one header, well typed and signed, for our configured address and method
DP-02 | OURS | 9449§4.3, §11.1 | A proof's time counts without a nonce; with one the server's time decides
DP-03 | OURS | 9449§11.1 | A proof is good once; what is remembered is bounded
DP-04 | MUST | 9449§8, §8.2, §11.3 | A missing or stale nonce is told with one fresh nonce; the previous one is still taken
DP-05 | MUST | 9449§5-6.2, 7638§3 | A bound token says token_type DPoP and cnf.jkt, in introspection too
DP-06 | MUST | 9449§5.2, §10 | A client that must prove a key is refused without; dpop_jkt must match the key of the exchange
DP-07 | OURS | 9449§10.1 by analogy | A proof at the device authorization binds the device_code; another key consumes nothing
DP-08 | OURS | 9449§8, 8628§3.5 | A poll that was asked for a nonce does not count for slow_down
JWT-01 | MUST | 9068§2.1, §2.2, §2.2.3 | Access tokens have typ at+jwt, kid, and the claims of RFC 9068
JWT-02 | SHOULD | 9068§2.2.1 | auth_time, acr and amr tell of the real sign-in and are unchanged by refresh
JWT-03 | MUST | 9068§3 | The audience is one resource or the default, never empty; scopes of different resources do not mix
JWT-04 | OURS | 10027§6.1.10 | Access tokens live ten minutes for people, sixty for clients
JWT-05 | SHOULD | 9068§2.2, §5, 9700§4.15.1 | Subjects of clients and of people come from disjoint spaces
JWT-06 | MUST | 8725§3.11, 9068§5 | id_token, logout token and access token never stand for each other
JWT-07 | MUST | 8707§2-2.2 | resource is an absolute URI without fragment; unknown is invalid_target; a token request only narrows
KEY-01 | MUST | 7517§4-5, 7518§6 | The key set holds public members alone, with kid, use, alg
KEY-02 | MUST | 7518§3.3, Disc§3, Registration§2, 9068§2.1 | ES256 for access tokens, RS256 for id_tokens unless the client says otherwise; RSA of 2048 bits or more
KEY-03 | SHOULD | Core§10.1.1 | A key is published before it signs, and stays until what it signed has ended; an emergency drops it at once
KEY-04 | OURS | 9700§2.5 | Private keys are sealed at rest and never in logs, errors or clear backups
INT-01 | MUST | 7662§2.1, §2.3, 7009§2.1 | Introspection needs an authenticated caller; a wrong hint still finds the token
INT-02 | OURS | 7662§2.2, 9449§6.2 | An active answer has its claims; a refresh token is shown to its client alone, a device_code to nobody
INT-03 | MUST | 7662§2.2 | Whatever is not active, or not the caller's to see, is exactly active false
REV-01 | MUST | 7009§2-2.2 | Access and refresh tokens can be revoked, by public clients too; an unknown token is 200 and empty
REV-02 | MUST | 7009§2.1 | A token of another client is refused and stays valid
REV-03 | SHOULD | 7009§2.1, §2.2.1 | Revoking a refresh token ends the family and its access tokens; storage down is 503
DCR-01 | OURS | 7591§3 | Registration takes JSON and an initial access token; without one 401
DCR-02 | MUST | 7591§3.2.1 | 201 with everything as registered; a secret only where a method needs one
DCR-03 | MUST | 7591§2, §3.2.2 | Enrolment wants private_key_jwt and one public key; bad metadata and redirects get their errors
DCR-04 | OURS | 7591§3.2.1 | The server fixes grants and scopes, and the answer shows them
DCR-05 | OURS | 7591§3, 9449§4.3 | A proof by the key that is registered; the token works once; the same key is the same client
DCR-06 | MUST | 7592§2.1-2.3, §3 | Read, replace and delete by the registration's own address and token
DCR-07 | MUST | 7592§2.1, §2.3 | A bad registration token, or a client that is gone, is 401; deletion ends the client's tokens
DCR-08 | OURS | 7591§5 | Registrations are limited; names are short, printable and shown as unverified
OI-01 | OURS | Core§3.1.2.1 | An id_token only for openid, in the device flow too
OI-02 | MUST | Core§2 | iss, sub, aud, exp, iat; the nonce in the code flow alone; no azp
OI-03 | MUST | Core§2, §3.1.3.6, 8176§2 | auth_time always; acr and amr true; at_hash right
OI-04 | MUST | Core§2, §8, §8.1 | sub is short ASCII, never given to another; public, or pairwise by sector
OI-05 | MUST | Core§5.3.1-5.3.3 | userinfo by GET and POST: sub as in the id_token, claims by scope
OI-06 | OURS | Core§3.1.2.1 | acr_values and max_age work at the device authorization too
OI-07 | MUST OPT | RPI§2, §3 | Sign-out asked for by a client: the person confirms, redirects only to registered addresses
OI-08 | MUST OPT | BCL§2.4-2.5, §4 | Back-channel logout
MET-01 | MUST | 8414§2-3.3, §5, Disc§4.1 | Both well-known documents are consistent, for an issuer with a path too
MET-02 | MUST | 8414§2, 8628§4 | The endpoints and lists that clients look for are served
MET-03 | MUST | 8414§2, Disc§3 | Response types and modes, grants, subject types and id_token algorithms are explicit
MET-04 | MUST | 8414§2 | Authentication methods and algorithms are told for token, revocation and introspection; never none as algorithm
MET-05 | MUST | 9700§2.1.1, 9207§3, 9449§5.1 | S256, the iss parameter and the DPoP algorithms are told
MET-06 | MUST | Disc§3 | What is not supported is said to be false; claims and acr values are listed
MET-07 | OURS | 8414§3.2 | No empty lists, kept for an hour at most, and every advertised value works
TX-01 | MUST OPT | 8693§2.1-2.2.2, §4.1 | Token exchange
# Server, device grant
DEV-01 | MUST | 8628§3.1, §3.2 | The device authorization takes a form and authenticates clients as the token endpoint does
DEV-02 | MUST | 8628§3.2 | Six members, whole seconds, kept nowhere
DEV-03 | SHOULD | 8628§5.2 | The device_code is 256 random bits, a digest at rest, never shown or logged
DEV-04 | OURS | 8628§6.1, 10027§6.1.4 | The user code is eight letters of twenty, kept under a keyed digest, not given out again for a day
DEV-05 | OURS | 8628§6.1 | What people type is read kindly and without guessing; a format error is no guess
DEV-06 | SHOULD | 8628§5.1 | Codes are uniform and hard to guess
DEV-07 | OURS | 8628§5.1 | Codes are looked up for signed-in people alone, and wrong ones are throttled
DEV-08 | OURS | 8628§5.1 | The yearly risk of a guessed code is worked out, and warned of at start
DEV-09 | OURS | 8628§3.2, §5.4, 10027§6.1.2 | Ten minutes and one deadline for both codes; five seconds between polls
DEV-10 | SHOULD | 8628§3.2, §3.3 | The address to type is short; the complete one carries the user code and nothing else
DEV-11 | MUST | 8628§3.4, §3.5 | A poll says its grant, code and client; undecided is authorization_pending
DEV-12 | OURS | 8628§3.5 | Too early is slow_down, five seconds more each time, and the new interval is told
DEV-13 | OURS | 8628§3.5 | A little early is on time, and one lost slow_down is forgiven
DEV-14 | MUST | 8628§3.5, 6749§5.2 | Denied, expired and unknown codes each get their error
DEV-15 | MUST | 8628§3.5, 6749§5.2 | Approved gives tokens once
DEV-16 | OURS | 8628§3.5 | Checks come in order; a poll of another client or without authentication changes nothing
DEV-17 | SHOULD | 8628§5.4, 10027§6.1.14 | Who asked, from where and when is kept for the page
DEV-18 | OURS | 10027§6.1.7, §6.2.1 | Only registered devices start a flow unless the operator says otherwise
DEV-19 | MUST | 8628§5.6, 8252§8.5 | A secret shipped inside an app proves no identity
DEV-20 | OURS | 10027§6.1.9, §6.1.12 | Scopes may be kept from the device flow; its tokens are key-bound by default
DEV-21 | OURS | 10027§6.1.11 | Starting flows is limited by client, address and number of live codes
DEV-22 | OURS | 10027§6.1.4, §6.1.6 | A code opened by two accounts is refused; a report contains whoever began it; an operator can end what came of a code, client or time
DEV-23 | SHOULD | 10027§2, §6.1.1 | Device and person far apart: a warning, and a proof that the person sees the screen; policy may block
DEV-24 | OURS OPT | 10027§6.1.17 | Digits of a serial number as proof of presence
DEV-25 | MUST | 10027§2, §6.2 | The risks, and when not to use the flow, are written down
# Verification page
WEB-01 | MUST | 8628§3.3 | The flow begins at the verification address, and the person brings the code
WEB-02 | SHOULD | 8628§3.3.1, §5.4 | From the complete address the code is shown and confirmed, never approved by itself
WEB-03 | OURS | 9110§9.2.1 | A GET changes nothing
WEB-04 | SHOULD | 8628§5.4, 10027§6.1.14 | Consent shows who asks, what for, from where and when; refusing is as prominent as allowing
WEB-05 | SHOULD | 8628§3.3, 10027§6.1.13-14 | The page says when to decline, has a button to report, and sends the person back to the device
WEB-06 | OURS | 9700§4.2 | The code leaves the address at once and stays in no title, referrer or log
WEB-07 | OURS | 8628§5.1 | Unknown, expired and used codes look the same
WEB-08 | OURS | Core§3.1.2.1 | An old sign-in is repeated before consent
WEB-09 | OURS | 10027§6.1.6 | People see their devices and remove them
WEB-10 | OURS | 10027§6.1.6 | A new device is told of on another channel
SES-01 | OURS | OWASP Session | The session cookie is strict, kept on the server, renewed at sign-in and ended at sign-out
SES-02 | MUST | 6749§10.12, OWASP CSRF | Each form carries a token of the session; other sites are refused
SES-03 | MUST | 9700§4.16 | A strict content policy, no framing, and pages that work without scripts
SES-04 | OURS | CSP3 form-action (issues) | The redirect after consent is not blocked by the page's own form policy
SES-05 | OURS | OWASP Headers, 6797§7.1 | Strict headers on every page; nothing of value over plain http
SES-06 | MUST | 9700§4.11.2 | Where to go next is known to the server alone
LOG-01 | OURS | OWASP Password | Passwords under Argon2id, rehashed when parameters change, with bounded concurrency
LOG-02 | OURS | NIST 800-63B-4§3.1.1 (?) | Long passwords welcome, common ones refused, no composition rules
LOG-03 | OURS | OWASP Authentication | Unknown, wrong and locked answer alike
LOG-04 | OURS | NIST 800-63B-4§3.2.2 (?) | Failures slow down by account and address; strangers lock nobody out
LOG-05 | MUST | WebAuthn L3§7.1, §7.2, §13.4.3 (?), 8176§2 | Passkeys are verified in full, and amr says what happened
UX-01 | OURS | 8628§6.1, HTML autofill | One code field, with the right keyboard and no correction
UX-02 | SHOULD | 8628§6.1 | A pasted code works however it was written
UX-03 | MUST | WCAG 3.3.1-3.3.3, 4.1.3 | Labels, errors in words beside the field, live status
UX-04 | MUST | WCAG 1.4.3, 1.4.4, 1.4.10, 1.4.11, 2.4.7, 2.4.11, 2.5.8 | Contrast, reflow, zoom, target size and focus
UX-05 | MUST | WCAG 3.3.7, 3.3.8 | Password managers and paste work; nothing is asked twice
UX-06 | MUST | WCAG 2.2.1 | The time left is shown, with a warning and a way on
UX-07 | OURS | WCAG 2.1.1 | No accessibility violations; keyboard alone suffices; the code is read letter by letter
UX-08 | OURS | Core§3.1.2.1, WCAG 3.1.1 | Language and direction as the person prefers; codes and addresses stay left to right
# Device agent
AGT-01 | MUST | 8414§3.3 | Endpoints come from metadata; another issuer aborts
AGT-02 | SHOULD | 8628§3.1, §3.5 | A flow starts on a local trigger, never in a loop
AGT-03 | MUST | 8628§3.3, §3.3.1 | The screen shows code, address and square; never a device_code or token
AGT-04 | MUST | 8628§3.5 | The agent keeps the interval, and every slow_down for good
AGT-05 | MUST | 8628§3.5 | Faults of network and server double the interval; Retry-After is obeyed
AGT-06 | MUST | 8628§3.5, 9449§8 | Any other error ends polling and is shown; only a nonce is retried at once
AGT-07 | SHOULD | 8628§5.5, §5.7 | The agent stops at the deadline on its own clock and clears the screen
AGT-08 | MUST | 6749§5.1, 9449§5, Core§3.1.3.7 | Answers are checked before they are used
AGT-09 | OURS | 7591§3, 7592§2.2, 10027§6.1.12 | The key is made on the device and stays there; rotation overlaps
AGT-10 | OURS | 9700§4.14.2 | One refresh at a time, across processes, at a random moment in time
AGT-11 | OURS | fleet load | Retries spread by full jitter, and after boot
AGT-12 | OURS | 6749§5.2 | A refused refresh stops and says so, without a hot loop
AGT-13 | OURS | - | Offline it serves what is still good, and tries for ever
AGT-14 | OURS | - | Durations follow the monotonic clock
AGT-15 | OURS | 9449§11.1 | A device without a clock waits for time or works with a floor
AGT-16 | OURS | - | No redirects, bounded time and size
AGT-17 | OURS | - | A restart resumes the same code
STO-01 | OURS | - | Credentials are readable by their owner alone
STO-02 | OURS | - | Files are replaced in one step, durably
STO-03 | OURS | RT-06 | A new refresh token is durable before its access token is used
STO-04 | OURS | RT-06 | Killed anywhere, it starts with the old or the new state
STO-05 | OURS | - | A full disk delays rotation and raises an alarm
STO-06 | OURS | - | No secret in arguments, environment, logs or dumps
SOC-01 | OURS | 10027§6.1.12 | The token socket is local, guarded, and gives access tokens alone
QR-01 | MUST | ISO 18004 (?) | The square has its quiet zone and is dark on light
QR-02 | OURS | ISO 18004 (?) | Level M as long as it stays small
QR-03 | OURS | rule of thumb | Large enough for the distance, in whole pixels
QR-04 | OURS | - | In a terminal: half blocks, or text alone
QR-05 | OURS | 8628§3.3.1 | What is drawn decodes to the address byte for byte
SYS-01 | OURS | sd_notify(3) (?) | systemd is told of readiness and life
SYS-02 | OURS | systemd.exec(5) (?) | The unit gives away every right that it does not need
SYS-03 | OURS | systemd.service(5) (?) | Permanent faults do not restart; SIGTERM ends in time
# Resource API
API-01 | SHOULD | 6750§2.1-2.3, 2.1§5.1 | Tokens come in the Authorization header alone
API-02 | MUST | 6750§3, §3.1 | No token: 401 with a challenge and no error code
API-03 | SHOULD | 6750§3.1, 9068§4 | Bad tokens, missing scopes and malformed requests each get their answer
API-04 | MUST | 9068§4 | typ, issuer, audience, signature and expiry are checked
API-05 | MUST | 9068§4, 8725§3.1, 7515§4.1.11 | Forged headers and algorithms are refused
API-06 | MUST | 9449§7.2 | A bound token sent as Bearer is 401
API-07 | MUST | 9449§4.3, §7.1, §9 | The DPoP scheme: proof, ath and key; its own challenge and nonces
API-08 | MUST | 9700§4.15 | A client's token cannot act as a person
API-09 | OURS | 7517§5, 7662§4 | Keys and introspection answers are kept within bounds, and failing is closed
API-10 | OURS OPT | 9728§3, §5.1 (?) | Protected resource metadata
# Operations
OPS-01 | MUST | 9700§4.13, BCP195 | TLS 1.2 or later; forwarded headers from listed proxies alone
OPS-02 | OURS | - | An unsafe configuration does not start
OPS-03 | OURS | 10027§6.1.6 | Audit lines for all that matters, with ids and digests alone
OPS-04 | OURS | - | Liveness, readiness and metrics
OPS-05 | OURS | 6585§4 | 429 and 503 say when to come back, in JSON
OPS-06 | OURS | - | What was answered is durable; what ended is purged
OPS-07 | OURS | 10027§6.1.6 | Operators can end devices, clients, codes and keys within a second
OPS-08 | OURS | - | A restored backup raises no false alarm
OPS-09 | OURS | AGT-11 | Five hundred agents come back after an outage
# Negative and abuse
NEG-01 | OURS | 9110§15.5.14, §15.5.16 | A body that is too large is 413, an encoded one 415
NEG-02 | OURS | 6749§3.2 | Too many or too long parameters are refused; prototype names are plain names
NEG-03 | MUST | 6749§5.2, 9449§4.3 | Garbled credentials are 401, repeated headers 400, never 500
NEG-04 | MUST | 6749 App A | Control characters and broken encodings are refused and split no log line
NEG-05 | OURS | 8628§6.1 | Look-alike letters never count
NEG-06 | OURS | 8725§3.4 | Oversized and off-curve keys are refused fast
NEG-07 | OURS | 8628§3.5 | Of two polls at approval one gets tokens, in two processes too
NEG-08 | OURS | 8628§3.5, 10027§6.1.3 | Of two decisions the first wins; an approval leaves time to be fetched
NEG-09 | OURS | 8628§3.5 | An account or client that was closed gets no token
NEG-10 | OURS | - | A stepped clock revives nothing
NEG-11 | OURS | RT-06 | A killed server goes on where it was
NEG-12 | OURS | AGT-05 | A locked or full database is 503, and nothing is lost
NEG-13 | MUST | 9700§4.14.2 | A stolen refresh token ends the family for both
NEG-14 | OURS | 9449§11.1 | Slow and flooding callers are bounded
NEG-15 | MUST | 6749§10.14 | Markup from clients is text
NEG-16 | MUST | 9700§4.16 | Forged and framed forms, and another Host, change nothing
NEG-17 | OURS | 8628§5.2 | Guessed device_codes are invalid_grant, throttled
`

const ROW = /^([A-Z]{2,3}-\d\d) \| (MUST|SHOULD|OURS)( OPT)? \| (.+?) \| (.+)$/

export const REQUIREMENTS: readonly Requirement[] = read(TABLE)

function read(table: string): Requirement[] {
  let component = ''
  return table
    .trim()
    .split('\n')
    .flatMap((line) => {
      if (line.startsWith('# ')) {
        component = line.slice(2)
        return []
      }
      const [, id, level, optional, source, words] = ROW.exec(line) ?? []
      if (id === undefined || source === undefined || words === undefined) throw new Error(`not a row: ${line}`)
      return { id, component, level: level as Requirement['level'], optional: optional !== undefined, source, words }
    })
}
