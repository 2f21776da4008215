import HTTPTypes
import HummingbirdTesting
import PanalCore
import PanalService
import Testing

@testable import PanalHTTP

/// Wherever a user or a group is named, a name and an identifier are the same.
@Suite("Names and identifiers") struct NamedUserTests {
    @Test func bothAreTakenEverywhere() async throws {
        try await Site.open { site, client in
            let root = try #require(site.administrator.principal)
            let user = try await site.panal.createUser(root, name: "carla", password: nil, role: .user).user
            let group = try await site.panal.createGroup(root, name: "imaging", GroupChange())
            let reads = [
                "/api/v1/users/USER", "/api/v1/users/USER/restriction", "/api/v1/groups/GROUP",
                "/api/v1/groups/GROUP/members", "/api/v1/groups/GROUP/restriction", "/api/v1/credits?user=USER",
                "/api/v1/credits?group=GROUP", "/api/v1/credits/budget?user=USER",
                "/api/v1/credits/budget?group=GROUP", "/api/v1/credits/payer?group=GROUP",
                "/api/v1/usage?user=USER", "/api/v1/usage?group=GROUP", "/api/v1/audit?user=USER",
            ]
            func names(_ text: String, _ user: String, _ group: String) -> String {
                text.replacing("USER", with: user).replacing("GROUP", with: group)
            }
            for uri in reads {
                let byName = try await client.send(.get, names(uri, "carla", "imaging"), site.administrator.bearer)
                let byID = try await client.send(
                    .get, names(uri, user.id.text, group.id.text), site.administrator.bearer)
                #expect(byName.status == .ok, "\(uri): \(byName.text)")
                #expect(byID.status == .ok && byID.text == byName.text, "\(uri): \(byID.text)")
                for (nobody, none) in [("nobody", "none"), ("01k8zq4m3rh7x2c5w9ta", "01k8zq4m3rh7x2c5w9ta")]
                where !(uri.contains("audit") && nobody.utf8.count == 20) {
                    let unknown = try await client.send(.get, names(uri, nobody, none), site.administrator.bearer)
                    #expect(unknown.status == .notFound, "\(uri): \(unknown.text)")
                }
            }
            let (member, team) = (user.id, group.id)
            let changes: [(HTTPRequest.Method, String, String, HTTPResponse.Status)] = [
                (.put, "/api/v1/groups/GROUP/members/USER", "", .noContent),
                (.delete, "/api/v1/groups/GROUP/members/USER", "", .noContent),
                (.patch, "/api/v1/users/USER", #"{"role": "user"}"#, .ok),
                (.put, "/api/v1/users/USER/restriction", #"{"queuedJobs": 3}"#, .ok),
                (.patch, "/api/v1/groups/GROUP", #"{"label": "x"}"#, .ok),
                (.post, "/api/v1/users/USER/password", "", .ok),
                (.post, "/api/v1/credits/grants", #"{"user": "USER", "amount": "1", "reason": "x"}"#, .created),
                (.post, "/api/v1/credits/grants", #"{"group": "GROUP", "amount": "1", "reason": "x"}"#, .created),
                (.put, "/api/v1/credits/budget", #"{"user": "USER", "amount": "9"}"#, .ok),
                (.put, "/api/v1/credits/payer", #"{"group": "GROUP", "pays": true}"#, .ok),
                (.post, "/api/v1/invitations", #"{"label": "x", "group": "GROUP"}"#, .created),
            ]
            for (method, uri, body, status) in changes {
                for (user, group) in [("carla", "imaging"), (user.id.text, group.id.text)] {
                    // Whom one takes out twice is no member the second time.
                    if method == .delete {
                        try await site.panal.addMember(root, member, to: team)
                    }
                    let answer = try await client.json(
                        method, names(uri, user, group), as: site.administrator, names(body, user, group))
                    #expect(answer.status == status, "\(uri) \(user): \(answer.text)")
                }
            }
            let invitation = try await client.json(
                .post, "/api/v1/invitations", as: site.administrator, #"{"label": "x", "group": "none"}"#)
            #expect(invitation.status == .unprocessableContent)
        }
    }

    /// Or somebody would be taken for whom it belongs to.
    @Test func nobodyIsCalledByAnIdentifier() async throws {
        try await Site.open { site, client in
            let id = try #require(site.owner.principal).user.text
            for (uri, body) in [
                ("/api/v1/users", "{\"name\": \"\(id)\"}"), ("/api/v1/users", #"{"name": "01k8zq4m3rh7x2c5w9ta"}"#),
                ("/api/v1/groups", #"{"name": "01k8zq4m3rh7x2c5w9ta"}"#),
            ] {
                let answer = try await client.json(.post, uri, as: site.administrator, body)
                #expect(answer.status == .unprocessableContent, "\(uri): \(answer.text)")
            }
            // One's own account by either; others' are not there.
            for name in ["ana", id] {
                #expect(try await client.send(.get, "/api/v1/credits?user=\(name)", site.owner.bearer).status == .ok)
                #expect(
                    try await client.send(.get, "/api/v1/credits?user=\(name)", site.other.bearer).status == .notFound)
            }
        }
    }
}
