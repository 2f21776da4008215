import Mustache
import PanalCore

/// The pages' templates, style and script, carried inside the executable.
struct Templates: Sendable {
    /// What a template is filled with.
    typealias Values = [String: Any]

    private let library: MustacheLibrary
    /// Changes when style or script do, so that browsers keep them until then.
    let revision: String

    private static let sources: [String: [UInt8]] = [
        "layout": PackageResources.layout_mustache, "signin": PackageResources.signin_mustache,
        "message": PackageResources.message_mustache, "programs": PackageResources.programs_mustache,
        "publish": PackageResources.publish_mustache, "mistakes": PackageResources.mistakes_mustache,
        "program": PackageResources.program_mustache, "fieldcheck": PackageResources.fieldcheck_mustache,
        "fieldgroup": PackageResources.fieldgroup_mustache, "fieldselect": PackageResources.fieldselect_mustache,
        "fieldarea": PackageResources.fieldarea_mustache, "fieldinput": PackageResources.fieldinput_mustache,
        "block": PackageResources.block_mustache, "time": PackageResources.time_mustache,
        "fieldnotes": PackageResources.fieldnotes_mustache, "jobs": PackageResources.jobs_mustache,
        "graphs": PackageResources.graphs_mustache, "sweep": PackageResources.sweep_mustache,
        "batch": PackageResources.batch_mustache,
        "batchlive": PackageResources.batchlive_mustache, "tile": PackageResources.tile_mustache,
        "star": PackageResources.star_mustache,
        "results": PackageResources.results_mustache, "shared": PackageResources.shared_mustache,
        "machine": PackageResources.machine_mustache, "machinelive": PackageResources.machinelive_mustache,
        "audit": PackageResources.audit_mustache, "link": PackageResources.link_mustache,
        "job": PackageResources.job_mustache, "joblive": PackageResources.joblive_mustache,
        "account": PackageResources.account_mustache, "usage": PackageResources.usage_mustache,
        "groups": PackageResources.groups_mustache,
        "group": PackageResources.group_mustache,
        "signup": PackageResources.signup_mustache,
        "users": PackageResources.users_mustache, "user": PackageResources.user_mustache,
        "restriction": PackageResources.restriction_mustache, "storage": PackageResources.storage_mustache,
        "tabs": PackageResources.tabs_mustache, "settings": PackageResources.settings_mustache,
        "credits": PackageResources.credits_mustache, "costs": PackageResources.costs_mustache,
        "copy": PackageResources.copy_mustache,
        "images": PackageResources.images_mustache, "imageslive": PackageResources.imageslive_mustache,
        "image": PackageResources.image_mustache, "imagelive": PackageResources.imagelive_mustache,
        "imagenew": PackageResources.imagenew_mustache, "imageroom": PackageResources.imageroom_mustache,
        "webhooks": PackageResources.webhooks_mustache, "webhook": PackageResources.webhook_mustache,
    ]

    /// Throws where a template cannot be read: a fault of the build, found at start.
    init() throws {
        MustacheContentTypes.register(ScalarSafeHTML(), named: ScalarSafeHTML.name)
        var library = MustacheLibrary()
        for (name, bytes) in Self.sources {
            let text = "{{% CONTENT_TYPE:\(ScalarSafeHTML.name)}}" + String(decoding: bytes, as: UTF8.self)
            try library.register(text, named: name)
        }
        self.library = library
        // FNV-1a: not a secret, only a mark of change.
        let mark = Self.assets.sorted { $0.key < $1.key }.reduce(14_695_981_039_346_656_037 as UInt64) { mark, asset in
            asset.value.bytes.reduce(mark) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }
        }
        revision = String(mark, radix: 36)
    }

    func render(_ name: String, _ values: Values) throws -> String {
        guard let text = library.render(values, withTemplate: name) else {
            throw ServiceError(.internal, "there is no template ‘\(name)’")
        }
        return text
    }

    /// A file under `/assets`, with its media type.
    static func asset(_ name: String) -> (type: String, bytes: [UInt8])? { assets[name] }

    private static let assets: [String: (type: String, bytes: [UInt8])] = {
        let (style, script, image) = ("text/css; charset=utf-8", "text/javascript; charset=utf-8", "image/svg+xml")
        return [
            "panal.css": (style, PackageResources.panal_css), "job.js": (script, PackageResources.job_js),
            "signup.js": (script, PackageResources.signup_js), "rules.js": (script, PackageResources.rules_js),
            "form.js": (script, PackageResources.form_js), "upload.js": (script, PackageResources.upload_js),
            "panal.svg": (image, PackageResources.panal_svg),
            "live.js": (script, PackageResources.live_js), "comb.svg": (image, PackageResources.comb_svg),
        ]
    }()

    /// Every template's text, for tests.
    static var texts: [String: String] { sources.mapValues { String(decoding: $0, as: UTF8.self) } }
}

/// Escapes for HTML scalar by scalar. Mustache's own goes by characters, so a combining mark after a quotation mark
/// makes one character of the two and carries the mark through unescaped: a hostile label could end its attribute.
struct ScalarSafeHTML: MustacheContentType {
    static let name = "SCALAR_SAFE_HTML"

    func escapeText(_ text: String) -> String {
        guard text.utf8.contains(where: Self.isSpecial) else { return text }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "<": result.append(contentsOf: "&lt;".unicodeScalars)
            case ">": result.append(contentsOf: "&gt;".unicodeScalars)
            case "&": result.append(contentsOf: "&amp;".unicodeScalars)
            case "\"": result.append(contentsOf: "&quot;".unicodeScalars)
            case "'": result.append(contentsOf: "&#39;".unicodeScalars)
            // HTML has no way to say these.
            case _ where scalar.value < 32 && !["\t", "\n", "\r"].contains(scalar): result.append("\u{FFFD}")
            default: result.append(scalar)
            }
        }
        return String(result)
    }

    private static func isSpecial(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&"), UInt8(ascii: "\""), UInt8(ascii: "'"): true
        default: byte < 32 && byte != 9 && byte != 10 && byte != 13
        }
    }
}
