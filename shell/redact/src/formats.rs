//! The formats of keys and tokens, as their issuers document them: how each begins, and what it is
//! made of. One row a format; `examples` are templates for the tests, in which `{A20}` stands for
//! twenty letters and digits, `{H20}` for hexadecimal digits, `{D20}` for digits and `{U20}` for
//! capital letters and digits.

/// A format.
#[cfg_attr(not(test), allow(dead_code, reason = "the tests read all of it"))]
pub(crate) struct Format {
    /// Who issues it.
    pub(crate) issuer: &'static str,
    /// The whole secret, without a word boundary before it, in ASCII.
    pub(crate) pattern: &'static str,
    /// What it looks like.
    pub(crate) examples: &'static [&'static str],
}

macro_rules! formats {
    ($($issuer:literal: $pattern:literal, [$($example:literal),+];)*) => {
        /// Every format. None may match what is common in source code and prose.
        pub(crate) const FORMATS: &[Format] = &[$(Format {
            issuer: $issuer,
            pattern: $pattern,
            examples: &[$($example),+],
        },)*];
    };
}

formats! {
    // Models.
    "OpenAI, Anthropic, OpenRouter, DeepSeek": r"sk-[A-Za-z0-9_-]{16,}",
        ["sk-{A48}", "sk-proj-{A60}", "sk-ant-api03-{A93}", "sk-or-v1-{H64}"];
    "xAI": r"xai-[A-Za-z0-9]{20,}", ["xai-{A80}"];
    "Groq": r"gsk_[A-Za-z0-9]{20,}", ["gsk_{A52}"];
    "Cerebras": r"csk-[A-Za-z0-9]{20,}", ["csk-{A48}"];
    "Perplexity": r"pplx-[A-Za-z0-9]{20,}", ["pplx-{A48}"];
    "Replicate": r"r8_[A-Za-z0-9]{20,}", ["r8_{A37}"];
    "Hugging Face": r"(?:hf|api_org)_[A-Za-z0-9]{20,}", ["hf_{A34}", "api_org_{A34}"];
    "Fireworks": r"fw_[A-Za-z0-9]{20,}", ["fw_{A24}"];
    "NVIDIA": r"nvapi-[A-Za-z0-9_-]{20,}", ["nvapi-{A64}"];
    "Tavily": r"tvly-[A-Za-z0-9-]{20,}", ["tvly-{A32}"];
    "LangSmith": r"lsv2_(?:pt|sk)_[0-9a-f_]{20,}", ["lsv2_pt_{H32}_{H10}"];
    // Clouds.
    "AWS": r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}", ["AKIA{U16}", "ASIA{U16}"];
    "Google": r"AIza[A-Za-z0-9_-]{20,}", ["AIza{A35}"];
    "Google OAuth": r"(?:GOCSPX-[A-Za-z0-9_-]{20,}|ya29\.[A-Za-z0-9_-]{20,}|1//0[A-Za-z0-9_-]{20,})",
        ["GOCSPX-{A28}", "ya29.{A60}", "1//0{A60}"];
    "Azure AD": r"[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}", ["{A3}8Q~{A34}"];
    "DigitalOcean": r"do[opr]_v1_[0-9a-f]{20,}", ["dop_v1_{H64}", "doo_v1_{H64}", "dor_v1_{H64}"];
    "Databricks": r"dapi[0-9a-f]{32}", ["dapi{H32}"];
    "Fly.io": r"(?:fo1_[A-Za-z0-9_-]{20,}|fm[12][ar]?_[A-Za-z0-9+/=_-]{20,})", ["fo1_{A43}", "fm2_{A100}"];
    "Heroku": r"HRKU-[A-Za-z0-9_-]{20,}", ["HRKU-{A60}"];
    "Netlify": r"nf[pcobu]_[A-Za-z0-9]{36}", ["nfp_{A36}"];
    "Supabase": r"(?:sbp_[0-9a-f]{40}|sb_secret_[A-Za-z0-9_-]{20,})", ["sbp_{H40}", "sb_secret_{A31}"];
    "PlanetScale": r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{20,}", ["pscale_tkn_{A43}", "pscale_pw_{A43}"];
    "Cloudflare": r"v1\.0-[0-9a-f]{24}-[0-9a-f]{20,}", ["v1.0-{H24}-{H146}"];
    // Source code and packages.
    "GitHub": r"gh[pousr]_[A-Za-z0-9]{20,}", ["ghp_{A36}", "gho_{A36}", "ghu_{A36}", "ghs_{A36}", "ghr_{A36}"];
    "GitHub, fine-grained": r"github_pat_[A-Za-z0-9_]{20,}", ["github_pat_{A22}_{A59}"];
    "GitLab": r"gl(?:pat|dt|rt|ptt|cbt|oas|soat|ft|agent|imt|ffct)-[A-Za-z0-9_.-]{16,}",
        ["glpat-{A20}", "gldt-{A20}", "glrt-{A20}", "glptt-{H40}", "glcbt-{A20}", "glagent-{A50}"];
    "Bitbucket, Atlassian": r"(?:ATBB[A-Za-z0-9]{20,}|AT[AC]TT3[A-Za-z0-9_=-]{20,})", ["ATBB{A32}", "ATATT3{A180}"];
    "npm": r"npm_[A-Za-z0-9]{20,}", ["npm_{A36}"];
    "PyPI": r"pypi-[A-Za-z0-9_-]{20,}", ["pypi-{A150}"];
    "RubyGems": r"rubygems_[0-9a-f]{20,}", ["rubygems_{H48}"];
    "crates.io": r"cio[A-Za-z0-9]{32}", ["cio{A32}"];
    "Docker Hub": r"dckr_[op]at_[A-Za-z0-9_-]{20,}", ["dckr_pat_{A27}", "dckr_oat_{A32}"];
    "Artifactory": r"AKCp[A-Za-z0-9]{20,}", ["AKCp{A69}"];
    "HashiCorp": r"(?:hv[sbr]\.[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{20,})",
        ["hvs.{A90}", "hvb.{A140}", "{A14}.atlasv1.{A67}"];
    "Doppler": r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9_.-]{20,}", ["dp.pt.{A43}", "dp.st.dev.{A40}"];
    "1Password": r"ops_eyJ[A-Za-z0-9_=-]{20,}", ["ops_eyJ{A250}"];
    "age": r"AGE-SECRET-KEY-1[A-Z0-9]{20,}", ["AGE-SECRET-KEY-1{U58}"];
    // Messages and mail.
    "Slack": r"xox[abeoprs]-[A-Za-z0-9-]{10,}", ["xoxb-{D12}-{D12}-{A24}"];
    "Slack, app": r"(?:xapp-[0-9]-[A-Za-z0-9-]{20,}|xoxe\.xox[bp]-[0-9]-[A-Za-z0-9]{20,})", ["xapp-1-{U11}-{D13}-{H64}"];
    "Slack, webhook": r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/_-]{20,}", ["hooks.slack.com/services/T{U8}/B{U8}/{A24}"];
    "Discord": r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{20,}", ["M{A25}.{A6}.{A38}"];
    "Discord, webhook": r"discord(?:app)?\.com/api/webhooks/[0-9]{10,}/[A-Za-z0-9_-]{20,}", ["discord.com/api/webhooks/{D19}/{A68}"];
    "Telegram": r"[0-9]{8,10}:AA[A-Za-z0-9_-]{20,}", ["{D10}:AA{A33}"];
    "SendGrid": r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}", ["SG.{A22}.{A43}"];
    "Mailgun": r"key-[0-9a-f]{32}", ["key-{H32}"];
    "Mailchimp": r"[0-9a-f]{32}-us[0-9]{1,2}", ["{H32}-us21"];
    "Brevo": r"xkeysib-[0-9a-f]{20,}-[A-Za-z0-9]{16}", ["xkeysib-{H64}-{A16}"];
    "Resend": r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}", ["re_{A8}_{A24}"];
    "Twilio": r"SK[0-9a-f]{32}", ["SK{H32}"];
    // Money and shops.
    "Stripe": r"(?:(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{20,})",
        ["sk_live_{A24}", "rk_live_{A24}", "sk_test_{A24}", "whsec_{A32}"];
    "Square": r"(?:sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{20,}|EAAA[A-Za-z0-9_-]{20,})", ["sq0atp-{A22}", "sq0csp-{A43}", "EAAA{A60}"];
    "Shopify": r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}", ["shpat_{H32}", "shpss_{H32}"];
    // Tools.
    "Linear": r"lin_(?:api|oauth)_[A-Za-z0-9]{20,}", ["lin_api_{A40}"];
    "Notion": r"(?:ntn_[A-Za-z0-9]{20,}|secret_[A-Za-z0-9]{30,})", ["ntn_{A46}", "secret_{A43}"];
    "Airtable": r"pat[A-Za-z0-9]{14}\.[0-9a-f]{20,}", ["pat{A14}.{H64}"];
    "Figma": r"fig[dor]_[A-Za-z0-9_-]{20,}", ["figd_{A40}"];
    "Postman": r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}", ["PMAK-{H24}-{H34}"];
    "New Relic": r"NR(?:AK|JS|II)-[A-Za-z0-9_-]{19,}", ["NRAK-{U27}"];
    "Grafana": r"(?:glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}|glc_[A-Za-z0-9+/=]{20,})", ["glsa_{A32}_{H8}", "glc_{A100}"];
    "Sentry": r"sntry[su]_[A-Za-z0-9+/=_-]{20,}", ["sntryu_{H64}", "sntrys_{A180}"];
    "Dynatrace": r"dt0[a-z][0-9]{2}\.[A-Z0-9]{24}\.[A-Z0-9]{20,}", ["dt0c01.{U24}.{U64}"];
    // Everybody.
    "JSON Web Tokens": r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*", ["eyJ{A33}.eyJ{A60}.{A43}"];
}
