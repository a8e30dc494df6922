//! Where package managers write which registries they use, and how.

use url::Url;

use super::image::Image;

/// `host:port` of an HTTP address.
pub(super) fn host(address: &str) -> Option<String> {
    let address =
        address.strip_prefix("sparse+").or_else(|| address.strip_prefix("registry+")).unwrap_or(address);
    let url = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?))
}

/// What `npm config get registry` says.
pub(super) fn npm(said: &str) -> Vec<String> {
    said.lines().map(|line| line.trim().to_owned()).collect()
}

/// What `pip config list` says, and whether each is the index itself: `global.index-url='…'`,
/// `:env:.extra-index-url='… …'`.
pub(super) fn pip(list: &str) -> Vec<(bool, String)> {
    let mut urls = Vec::new();
    for (key, value) in list.lines().filter_map(|line| line.split_once('=')) {
        let name = key.rsplit('.').next().unwrap_or_default().trim();
        if matches!(name, "index-url" | "extra-index-url") {
            // Several stand in one value, apart by spaces or line ends.
            let value = value.replace("\\n", " ");
            let each = value.split_whitespace().map(|url| url.trim_matches(['\'', '"']).to_owned());
            urls.extend(each.filter(|url| !url.is_empty()).map(|url| (name == "index-url", url)));
        }
    }
    urls
}

/// The index that `pip install --help` calls its default.
pub(super) fn pip_default(help: &str) -> Option<String> {
    let words: Vec<&str> = help.split_whitespace().collect();
    let after = |pair: &[&str]| pair[0].ends_with("default") && pair[1].starts_with("http");
    let url = words.windows(2).find(|pair| after(pair)).map(|pair| pair[1]);
    url.map(|url| url.trim_end_matches([')', '.', ',']).to_owned())
}

/// The sources of apt, in both of its formats.
pub(super) fn apt(image: &Image) -> Vec<String> {
    let mut urls = lines_of_apt(&image.text("/etc/apt/sources.list"));
    for file in image.files("/etc/apt/sources.list.d") {
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("list") => urls.extend(lines_of_apt(&image.text(file))),
            Some("sources") => urls.extend(stanzas_of_apt(&image.text(file))),
            _ => {}
        }
    }
    urls
}

/// `deb [options] URL suite component…`
fn lines_of_apt(text: &str) -> Vec<String> {
    let lines =
        text.lines().map(str::trim).filter(|line| line.starts_with("deb ") || line.starts_with("deb-src "));
    let url = |line: &str| line.split_whitespace().find(|word| word.contains("://")).map(str::to_owned);
    lines.filter_map(url).collect()
}

/// Stanzas with `URIs: …`, perhaps over several lines, and perhaps `Enabled: no`.
fn stanzas_of_apt(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let (mut urls, mut enabled, mut field) = (Vec::new(), true, String::new());
    for line in text.lines().filter(|line| !line.starts_with('#')).chain([""]) {
        if line.trim().is_empty() {
            all.extend(std::mem::take(&mut urls).into_iter().filter(|_| enabled));
            (enabled, field) = (true, String::new());
            continue;
        }
        let value = match line.split_once(':').filter(|_| !line.starts_with([' ', '\t'])) {
            Some((name, value)) => {
                field = name.trim().to_ascii_lowercase();
                value
            }
            None => line,
        };
        match field.as_str() {
            "uris" => urls.extend(value.split_whitespace().map(str::to_owned)),
            "enabled" => {
                enabled = !matches!(value.trim(), "no" | "false" | "0" | "off" | "without" | "disable")
            }
            _ => {}
        }
    }
    all
}

/// The registries in cargo's settings: those of `CARGO_HOME` and those that hold for every folder, and the
/// variables that name one.
pub(super) fn cargo(image: &Image) -> Vec<String> {
    let mut folders = vec!["/.cargo".to_owned()];
    folders.extend(image.env().get("CARGO_HOME").cloned());
    let mut urls = Vec::new();
    for folder in folders {
        // Where both are, cargo reads the one without an ending.
        let files = ["config", "config.toml"].map(|name| image.text(format!("{folder}/{name}")));
        urls.extend(
            files.iter().find(|text| !text.is_empty()).map(|text| registries(text)).unwrap_or_default(),
        );
    }
    let indexes = image.env().iter().filter(|(name, _)| name.starts_with("CARGO_REGISTRIES_"));
    urls.extend(indexes.filter(|(name, _)| name.ends_with("_INDEX")).map(|(_, value)| value.clone()));
    urls
}

/// `registry` of each `[source.…]`, `index` of each `[registries.…]`, as they are written in tables of their own.
fn registries(text: &str) -> Vec<String> {
    let mut wanted = None;
    let mut urls = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            let table = line.trim_start_matches('[').trim_start();
            wanted = match table {
                _ if table.starts_with("source.") => Some("registry"),
                _ if table.starts_with("registries.") => Some("index"),
                _ => None,
            };
        } else if let (Some(wanted), Some((key, value))) = (wanted, line.split_once('='))
            && key.trim() == wanted
        {
            let value = value.trim().trim_start_matches(['"', '\'']);
            urls.extend(value.split(['"', '\'']).next().map(str::to_owned));
        }
    }
    urls
}
