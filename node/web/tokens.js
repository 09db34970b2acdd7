// The token that a node may want before it lets anybody in, and what the chat says to those without.

import { byId, complain } from "./page.js";

const EXPLAINED = {
  token_missing: "This node asks for a token.",
  token_invalid: "This token is not valid here.",
  token_expired: "This token has expired.",
};

/** Has the token of the form sent with each CONNECT of the sockets. It is kept nowhere else. */
export function useTokens(sockets) {
  const form = byId("token-form");
  const error = byId("chat-error");
  const chat = sockets["/chat"];
  let token = "";
  for (const socket of Object.values(sockets)) socket.auth = (send) => send(token === "" ? {} : { token });

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    token = form.token.value.trim();
    complain(error, "");
    // The chat starts anew, as whoever the token names; of the others, those that had been refused.
    chat.disconnect();
    for (const socket of Object.values(sockets)) if (!socket.active) socket.connect();
  });

  chat.on("connect", () => complain(error, ""));
  chat.on("connect_error", ({ message, data }) => {
    // While the connection itself is lost, the page says so above.
    if (chat.active) return;
    const explained = EXPLAINED[data?.code];
    if (explained) byId("token").open = true;
    complain(error, `${explained ?? "The chat cannot be entered on this node."} (${message})`);
  });
  chat.on("disconnect", (reason) => {
    if (reason !== "io server disconnect") return;
    complain(error, "The server has ended the chat for this page. Connect again above, with a fresh token where one is needed.");
  });
}
