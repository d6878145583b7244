// An OpenID provider for the tests: oidc-provider (npm) with one client, a key of its own, and a login page that takes any name.
// Environment: UC_NODE_MODULES, UC_PORT, UC_ISSUER, UC_REDIRECT, UC_SECRET, UC_ALG (RS256 or ES256), UC_FORMS (when set, its own pages instead of ours). Prints a line when it listens.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const { UC_NODE_MODULES, UC_PORT, UC_ISSUER, UC_REDIRECT, UC_SECRET, UC_ALG, UC_FORMS } = process.env;
const { Provider } = await import(pathToFileURL(join(UC_NODE_MODULES, "oidc-provider/lib/index.js")).href);

const pair = UC_ALG === "ES256" ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : generateKeyPairSync("rsa", { modulusLength: 2048 });
const key = { ...pair.privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg: UC_ALG };
const provider = new Provider(UC_ISSUER, {
  clients: [{ client_id: "uc-connector", client_secret: UC_SECRET, redirect_uris: [UC_REDIRECT], id_token_signed_response_alg: UC_ALG }],
  jwks: { keys: [key] },
  cookies: { keys: [randomUUID()] },
  pkce: { required: () => true },
  claims: { openid: ["sub"], profile: ["preferred_username"], email: ["email", "email_verified"] },
  features: { devInteractions: { enabled: Boolean(UC_FORMS) } },
  ...(UC_FORMS ? {} : { interactions: { url: (_, interaction) => "/enter/" + interaction.uid } }),
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: id, email: id + "@example.com", email_verified: true }) }),
  // Nobody is asked whether we may know their name.
  loadExistingGrant: async ({ oidc }) => {
    const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
    grant.addOIDCScope("openid profile email");
    await grant.save();
    return grant;
  },
});
provider.use(async (context, next) => {
  if (!context.path.startsWith("/enter/")) return next();
  const name = context.query.name;
  if (name) {
    const result = context.query.refuse ? { error: "access_denied" } : { login: { accountId: String(name) } };
    await provider.interactionFinished(context.req, context.res, result);
    context.respond = false;
    return;
  }
  context.type = "html";
  context.body = '<!doctype html><title>Sign in</title><form><input name="name" autofocus><button>Sign in</button></form>';
});
provider.listen(Number(UC_PORT), "127.0.0.1", () => console.log("listening"));
