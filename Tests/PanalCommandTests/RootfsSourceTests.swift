import PanalCore
import Testing

@testable import panal

@Suite("Sources of images") struct RootfsSourceTests {
    typealias Source = RootfsImportCommand.Source

    /// A colon may be part of a path: what is there is taken whole.
    @Test(arguments: [
        ("oci:images/debian", RootfsFormat.layout, "images/debian", String?.none, "debian"),
        ("oci:images/debian:12", .layout, "images/debian", "12", "debian:12"),
        ("oci:there:it:is", .layout, "there:it:is", nil, "there:it:is"),
        ("oci:there:it:is:v1", .layout, "there", "it:is:v1", "there:it:is:v1"),
        ("docker-archive:a/saved.tar", .docker, "a/saved.tar", nil, "saved"),
        ("docker-archive:a/saved.tar:demo:latest", .docker, "a/saved.tar", "demo:latest", "saved:demo:latest"),
        ("files.tar.gz", .any, "files.tar.gz", nil, "files"),
    ]) func aSourceHasItsParts(
        text: String, format: RootfsFormat, path: String, tag: String?, name: String
    ) {
        let source = Source(text) { $0 == "there:it:is" }
        #expect(source.format == format && source.path == path && source.tag == tag && !source.isRemote)
        #expect(source.name == name)
    }

    @Test func registriesAreForSkopeo() {
        let source = Source("docker://ghcr.io/a/b:1") { _ in false }
        #expect(source.isRemote && source.path == "docker://ghcr.io/a/b:1" && source.name == "b:1")
    }
}
