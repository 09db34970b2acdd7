// Who comes in with which token: a middleware, as NestJS applications have one for the handshake.

import { createLocalJWKSet, errors, jwtVerify } from "jose";

/** A middleware that lets in whom a token of these keys names: `{ secret, jwks }`. */
export function admission({ secret, jwks }) {
  const publicKeys = createLocalJWKSet(jwks);
  const key = (header, token) => (header.alg === "HS256" ? new TextEncoder().encode(secret) : publicKeys(header, token));
  return async (socket, next) => {
    const token = found(socket.handshake);
    if (!token) return next(refusal("未提供认证令牌", "token_missing"));
    try {
      const options = { algorithms: ["HS256", "RS256", "ES256", "EdDSA"], requiredClaims: ["exp"] };
      const { payload } = await jwtVerify(token, key, options);
      socket.data.user = payload;
      socket.data.expiry = setTimeout(() => {
        socket.emit("exception", { status: "error", message: "token expired" });
        socket.disconnect();
      }, payload.exp * 1_000 - Date.now());
      next();
    } catch (error) {
      next(refusal("无效的认证令牌", error instanceof errors.JWTExpired ? "token_expired" : "token_invalid"));
    }
  };
}

function found({ auth, query, headers }) {
  const [scheme, bearer] = (headers.authorization ?? "").split(" ");
  const places = [auth?.token, query.token, scheme.toLowerCase() === "bearer" ? bearer : undefined];
  return places.find((token) => typeof token === "string" && token !== "");
}

function refusal(message, code) {
  return Object.assign(new Error(message), { data: { code } });
}
