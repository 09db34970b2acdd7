//! Headers by which browsers protect those who look at pages, and the pages themselves from others.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// How long a browser that has come over TLS comes no other way: half a year.
const STRICT: HeaderValue = HeaderValue::from_static("max-age=15768000");

const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");

/// What all answers of one node bear that are pages, or stand where pages could.
#[derive(Debug, Clone)]
pub(super) struct Protection(Vec<(HeaderName, HeaderValue)>);

impl Protection {
    /// For what the node itself says: nobody frames it, and it needs nothing of what a browser can give.
    pub(super) fn of_ours() -> Self {
        Self::of([
            (
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; frame-ancestors 'none'",
            ),
            (header::X_FRAME_OPTIONS, "DENY"),
            (
                PERMISSIONS,
                "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), display-capture=()",
            ),
            (OPENER, "same-origin"),
        ])
    }

    /// For pages that somebody brought: they frame each other, use what they ask for, and open windows to sign in.
    pub(super) fn of_theirs() -> Self {
        Self::of([
            (header::CONTENT_SECURITY_POLICY, "frame-ancestors 'self'"),
            (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
            (
                PERMISSIONS,
                "camera=(self), microphone=(self), geolocation=(self), payment=(self), usb=(self), serial=(self), \
                 display-capture=(self)",
            ),
            (OPENER, "same-origin-allow-popups"),
        ])
    }

    /// The same over TLS that the node itself ends: then plain HTTP is no way to it any more.
    pub(super) fn over_tls(mut self) -> Self {
        self.0.push((header::STRICT_TRANSPORT_SECURITY, STRICT));
        self
    }

    /// Puts them into an answer. What that says for itself stays.
    pub(super) fn protect(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            headers.entry(name).or_insert_with(|| value.clone());
        }
    }

    fn of(more: [(HeaderName, &'static str); 4]) -> Self {
        let common = [
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
        ];
        let all = common.into_iter().chain(more);
        Self(
            all.map(|(name, value)| (name, HeaderValue::from_static(value)))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_ruled_out_only_where_the_node_has_tls() {
        let (mut plain, mut encrypted) = (HeaderMap::new(), HeaderMap::new());

        Protection::of_ours().protect(&mut plain);
        Protection::of_ours().over_tls().protect(&mut encrypted);

        assert_eq!(plain.get(header::STRICT_TRANSPORT_SECURITY), None);
        assert_eq!(encrypted[header::STRICT_TRANSPORT_SECURITY], STRICT);
    }

    #[test]
    fn an_answer_keeps_a_policy_of_its_own() {
        let mut headers = HeaderMap::new();
        let own = HeaderValue::from_static("default-src 'self'");
        headers.insert(header::CONTENT_SECURITY_POLICY, own.clone());

        Protection::of_theirs().protect(&mut headers);

        assert_eq!(headers[header::CONTENT_SECURITY_POLICY], own);
        assert_eq!(headers[header::X_FRAME_OPTIONS], "SAMEORIGIN");
    }
}
