import PanalCore

/// What the summaries of operations leave open, for those that say nothing of it where they are declared.
enum OperationNotes {
    static let texts: [String: String] = [
        // Account
        "getAccount": "Name, role, groups, and what the groups and the account's own restriction let one use.",
        "listWebhooks": "Without their secrets, which are shown only when they are made.",
        "getWebhook": "Without its secret, which was shown only when it was made.",
        "deleteWebhook": "Messages that have not arrived are not sent any more.",
        "testWebhook":
            "Its `data` is empty. The answer comes before the message is sent: look at `listDeliveries` for the end.",
        "listDeliveries":
            "Each message with all of its attempts; messages that wait no more are forgotten after some time.",
        "listKeys": "Without their secrets, which are shown only when they are made.",
        "revokeKey": "At once, and for good. A key may end itself.",
        // Programs
        "listPrograms": "One's own, and those that are everybody's; each in its newest version.",
        "getProgram": "In its newest version, or in the one that `version` names.",
        "listProgramVersions": "Every version that was ever published. Jobs name the version that they ran.",
        "getProgramVersion": "A version never changes.",
        "changeProgram":
            "For its owner and administrators. `public` true lets everybody run it; its manifest is then everybody's to read.",
        "getManifest":
            "The schema of it is `Manifest`. One that was published as a Boutiques descriptor is the manifest made of it.",
        "getSubmissionSchema": """
        By `as`: `form` (when it is missing) is the manifest's own, in which a file is bytes (`format: binary`) as form data \
        carries them, and nothing but the fields stands in it. `json` is the body of `submitJob` as `application/json`: a file \
        is there a finished upload, `{"upload": "<id>"}`, and the names that begin with `_` are there. \
        `x-accept` are the kinds of files that a field takes (endings and media types), `x-maxBytes` the size of one file at \
        most, `x-minimum`, `x-maximum` and `x-step` bounds that JSON Schema has no word for. The order of the fields and \
        the labels of choices are in `getManifest`.
        """,
        "listProfiles":
            "Those that one may use: cores, memory and time exactly as a job gets them, and what they cost.",
        "listFavourites": "Only those that one may still use.", "removeFavourite": "Twice is no error.",
        // Rootfs
        "listRootfs": "A manifest's `rootfs` names one of them by an alias; `host` needs none.",
        "getRootfs": "As `listRootfs` has it and, once it was unpacked, what it holds and what was taken out of it.",
        "changeRootfs":
            "For its owner and administrators. In one that is disabled no job begins; those that run go on.",
        "removeRootfs":
            "For its owner and administrators. Jobs that run in it go on; it is *removing* until the last has ended.",
        "setRootfsAlias":
            "Programs that name the alias begin in this image from then on. Without `image` the name is taken away.",
        // Jobs
        "listJobs": "A job whose program ran is `finished`, whether it succeeded or not: that is `outcome.success`.",
        "getJob": "With `Prefer: wait=N` the answer comes when the job has ended, or after N seconds as it is then.",
        "listBatches":
            "How their jobs stand, without their results: `getBatch` has these, `listJobs` by `batch` the jobs.",
        "getBatch": "Its jobs are jobs like others, each with an address of its own.",
        "listResultFiles": "By path, with size and SHA-256.",
        "getResultFile": "Its media type is told by name and content. The same bytes have the same mark (`ETag`).",
        "listShares": "Each with its address, by which anybody sees the results without signing in.",
        "endShare": "Others' links to the same job go on.",
        // Uploads
        "getUploadOptions": "The version, the extensions and the greatest size, as tus 1.0 has it.",
        "listUploads":
            "Those that are not finished, and finished ones until they expire or a job or program has taken them.",
        "getUpload": "When it is complete its id stands for a file in submissions and publications.",
        "getUploadOffset": "After a break: go on at `Upload-Offset`.",
        "continueUpload":
            "`Upload-Offset` has to be what is there already: 409 otherwise. Send no more than was announced.",
        "deleteUpload": "Jobs and programs that have taken it keep what they took.",
        // Queue
        "getQueue": """
        In the order in which they would start. Others' jobs are counted, but not named; `decisions` are there for \
        administrators alone.
        """,
        "listStates":
            "The life of a job as a table: what may follow a state, and what becomes of a job that is in it for too long.",
        "listHosts": "What their cores and memory are, all of it that jobs may have; what is free, nobody is told.",
        "listPools": "A closed pool starts no jobs.", "getPool": "A closed pool starts no jobs.",
        // Credits
        "getCredits": "One's own, if neither `user` nor `group` is there; name one of the two at most.",
        "listCreditAccounts": "Users' and groups', with what they have and what is set aside.",
        "grantCredit":
            "To one account: `user` or `group`, by name or identifier. It is written down with its reason and who gave it.",
        "getBudget": "Name one account: `user` or `group`, by name or identifier. Without both it is one's own.",
        "getPayer": "Whether a group pays for what its members submit.",
        "getCosts": "The costs that `setCostItems` has, over the days of the month, held against what jobs paid.",
        "listCostItems": "Power, machines, rent: what `getCosts` counts.",
        // Groups and users
        "listGroups": "Each with its share of the machine and its limits.",
        "createGroup": "It is empty at first; `addMember` fills it.",
        "getGroup": "With its share of the machine and its limits.",
        "deleteGroup": "What its members run counts against their next group from then on.",
        "listMembers": "As `getUser` has them, without what they may use.",
        "removeMember": "They stay a user; 404 for who is no member.",
        "getGroupRestriction": "Each member that is there narrows what the group's members may use.",
        "unrestrictGroup": "They may then use what everybody may.",
        "getUserRestriction": "The user's own alone; `getUser` says what comes of it together with their groups'.",
        "unrestrictUser": "What their groups are restricted to still holds.",
        "listUsers": "Blocked and disabled ones too.",
        "createUser": "Whatever the setting `signUp` says. Without `password` a random one is made and answered.",
        "getUser": "`rights` is what comes of their own restriction and their groups'.",
        "changeUser":
            "One of the two at least. Who is blocked or disabled is signed out, and their keys are refused; the last administrator stays one.",
        "resetPassword": "Their sessions end; their keys go on.",
        "listInvitations": "Used and expired ones too, without their tokens.",
        "createInvitation": "The token makes one user, once, while the setting `signUp` allows invitations.",
        "revokeInvitation": "Who has become a user by it stays one.",
        // Service
        "listAudit": "Every change that was asked for, taken or refused; entries never change.",
        "listSettings": "What each of them means, what it may be, and what it is.",
        "getHealth": "Open to everybody: that the process answers.",
        "getReadiness": "Open to everybody: 503 while it starts or stops.",
        "getMetrics": "For administrators, by a key that is good for `read`.",
    ]

    /// What `{id}` is in `path`.
    static func identifier(in path: String) -> String {
        let parts = path.split(separator: "/").map(String.init)
        guard let place = parts.firstIndex(of: "{id}"), place > 0 else { return "Its identifier." }
        let names = [
            "jobs": "The job's", "batches": "The batch's", "uploads": "The upload's", "users": "The user's",
            "groups": "The group's", "keys": "The key's", "webhooks": "The webhook's",
            "invitations": "The invitation's", "rootfs": "The image's",
        ]
        guard let whose = names[parts[place - 1]] else { return "Its identifier." }
        return whose + (isNamed(in: path) ? " name or identifier." : " identifier.")
    }

    /// Whether `{id}` may be a name too.
    static func isNamed(in path: String) -> Bool {
        let parts = path.split(separator: "/").map(String.init)
        return ["users", "groups"].contains { kind in zip(parts, parts.dropFirst()).contains { $0 == (kind, "{id}") } }
    }
}
