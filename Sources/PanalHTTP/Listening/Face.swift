/// What an address of this server may show: each face can have a listener of its own, or none.
package enum Face: String, Hashable, Sendable, CaseIterable {
    /// What people see in a browser.
    case pages
    /// What programs call, below `/api/`.
    case interface
    /// What an operator's monitoring asks for: health and figures.
    case operations

    /// The face that a path belongs to.
    init(path: String) {
        if ["/healthz", "/readyz", "/metrics"].contains(path) {
            self = .operations
        } else {
            self = RequestScope.isInterface(path) ? .interface : .pages
        }
    }
}

extension Route {
    package var face: Face { Face(path: path) }
}
