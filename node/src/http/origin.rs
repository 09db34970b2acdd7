//! Which web pages may talk to this node.

use http::{HeaderMap, HeaderValue, header};

use crate::{config::CorsOrigins, live::Live};

/// The rules of the setting `cors.origins`.
#[derive(Debug, Clone)]
pub(crate) struct Origins(Live);

impl Origins {
    /// The rules that are in force at each request.
    pub(crate) fn new(live: Live) -> Self {
        Self(live)
    }

    /// Whether a request may come in. One without an `Origin` is from no page, and may.
    pub(crate) fn allows(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else {
            return true;
        };
        let rules = &self.0.now().cors.origins;
        matches!(rules, CorsOrigins::Any) || is_listed(rules, origin) || is_own(origin, headers)
    }

    /// The headers by which a browser lets a page of another origin see an answer.
    pub(crate) fn grant(&self, request: &HeaderMap, response: &mut HeaderMap) {
        let Some(origin) = request.get(header::ORIGIN) else {
            return;
        };
        let rules = &self.0.now().cors.origins;
        let granted = match rules {
            CorsOrigins::Any => HeaderValue::from_static("*"),
            _ if is_listed(rules, origin) => {
                // A page that is named may send its cookies along, by which a balancer keeps a client on its node.
                response.insert(
                    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                    HeaderValue::from_static("true"),
                );
                origin.clone()
            }
            _ => return,
        };
        response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, granted);
        response.append(header::VARY, HeaderValue::from_static("Origin"));
    }
}

fn is_listed(rules: &CorsOrigins, origin: &HeaderValue) -> bool {
    matches!(rules, CorsOrigins::Listed(listed) if listed.iter().any(|listed| origin == listed))
}

/// Whether the page comes from the host and port that it talks to.
fn is_own(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let origin = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"));
    match (origin, host) {
        (Some((scheme, origin)), Some(host)) => {
            let default = if scheme == "https" { ":443" } else { ":80" };
            let bare = |name: &str| {
                name.strip_suffix(default)
                    .unwrap_or(name)
                    .to_ascii_lowercase()
            };
            bare(origin) == bare(host)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn request(origin: Option<&'static str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("chat.example:3000"));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        }
        headers
    }

    fn origins(rules: CorsOrigins) -> Origins {
        let mut config = Config::default();
        config.cors.origins = rules;
        Origins::new(Live::new(&config).unwrap())
    }

    #[test]
    fn without_a_list_only_pages_of_the_same_host_come_in() {
        let same = origins(CorsOrigins::SameOrigin);

        assert!(same.allows(&request(None)), "no page at all");
        assert!(same.allows(&request(Some("http://chat.example:3000"))));
        assert!(same.allows(&request(Some("https://CHAT.example:3000"))));
        assert!(!same.allows(&request(Some("http://chat.example"))));
        assert!(!same.allows(&request(Some("http://evil.example:3000"))));
        assert!(!same.allows(&request(Some("null"))));
    }

    #[test]
    fn a_default_port_may_be_left_out() {
        let mut headers = request(Some("https://chat.example"));
        headers.insert(header::HOST, HeaderValue::from_static("chat.example:443"));

        assert!(origins(CorsOrigins::SameOrigin).allows(&headers));
    }

    #[test]
    fn listed_pages_come_in_and_are_told_so() {
        let listed = origins(CorsOrigins::Listed(vec!["https://app.example".to_owned()]));
        let mut answer = HeaderMap::new();

        assert!(listed.allows(&request(Some("https://app.example"))));
        assert!(!listed.allows(&request(Some("https://app.example.evil"))));
        listed.grant(&request(Some("https://app.example")), &mut answer);
        assert_eq!(
            answer[header::ACCESS_CONTROL_ALLOW_ORIGIN],
            "https://app.example"
        );
        assert_eq!(answer[header::ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
    }

    #[test]
    fn everyone_comes_in_where_the_list_says_so() {
        let any = origins(CorsOrigins::Any);
        let mut answer = HeaderMap::new();

        assert!(any.allows(&request(Some("null"))));
        any.grant(&request(Some("https://app.example")), &mut answer);
        assert_eq!(answer[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(!answer.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
    }
}
