// The page's texts.  Each key stands in every language; a test compares them.
export default {
  // --- the frame ---
  "shell.skip": "Skip to the content",
  "shell.navigation": "Pages",
  "shell.more": "More",
  "shell.close": "Close",
  "shell.copy": "Copy",
  "shell.copied": "Copied",
  "shell.retry": "Try again",
  "shell.yes": "yes",
  "shell.no": "no",
  "shell.none": "–",
  "shell.unknown": "unknown",
  "shell.unlimited": "no limit",
  "shell.loading": "Reading",
  "shell.connecting": "Waiting for the host",
  "shell.simulated": "simulated",
  "shell.read_only": "read only",
  "shell.sign_out": "Sign out",
  "shell.signed_in_as": "Seen as {name}",
  "shell.nobody": "nobody",
  "shell.theme": "Colours: {theme}",
  "shell.theme.system": "as the system wishes",
  "shell.theme.light": "light",
  "shell.theme.dark": "dark",
  "shell.role.read": "May look",
  "shell.role.operate": "May change",
  "shell.role.admin": "Administrator",
  "shell.role_needed": "This needs the role: {role}",
  "shell.not_while_away": "The host does not answer at the moment",
  "shell.kind.good": "Good",
  "shell.kind.warn": "Warning",
  "shell.kind.bad": "Error",
  "shell.kind.info": "Note",
  "shell.connection.connecting": "Connecting",
  "shell.connection.connecting_hint": "The host is being asked for the first time",
  "shell.connection.live": "Live",
  "shell.connection.live_hint": "What is shown follows the host",
  "shell.connection.reconnecting": "Reconnecting",
  "shell.connection.reconnecting_hint": "The host was there a moment ago; what is shown may be old",
  "shell.connection.lost": "No connection",
  "shell.connection.lost_hint": "The host does not answer; this page goes on trying, and what is shown is old",
  "shell.unreachable": "The host does not answer",
  "shell.unreachable_hint": "Is the service running, and the tunnel or the network up? This page goes on trying.",
  "shell.not_found": "There is no such page",
  "shell.to_overview": "To the overview",
  "shell.view_failed": "This page could not be loaded",

  // --- signing in ---
  "sign_in.title": "Sign in to {host}",
  "sign_in.lead": "Paste a token, or the key that sriovctl page printed.",
  "sign_in.token": "Token or key",
  "sign_in.submit": "Sign in",
  "sign_in.hint": "A token is made on the host:",

  // --- words of all views ---
  "word.pf": "PF",
  "word.vf": "VF",
  "word.address": "Address",
  "word.driver": "Driver",
  "word.netdev": "Netdev",
  "word.numa_node": "NUMA node",
  "word.iommu_group": "IOMMU group",
  "word.owner": "Used by",
  "word.vfs": "VFs",
  "word.mac": "MAC",
  "word.vlan": "VLAN",
  "word.trust": "Trust",
  "word.spoofchk": "Spoof check",
  "word.link_state": "Link state",
  "word.min_tx_rate": "Min. TX rate",
  "word.max_tx_rate": "Max. TX rate",
  "word.state": "State",
  "word.name": "Name",

  // --- overview ---
  "overview.title": "Overview",
  "overview.pfs": "PFs",

  // --- topology ---
  "topology.title": "Topology",

  // --- PF ---
  "pf.title": "PF",
  "pf.vfs": "VFs of this PF",

  // --- VF ---
  "vf.title": "VF",

  // --- doctor ---
  "doctor.title": "Doctor",
  "doctor.findings": "Findings",
  "doctor.finding": "Finding",
  "doctor.severity": "Severity",
  "doctor.subject": "Where",
  "doctor.meaning": "What it means",
  "doctor.none": "Nothing is in the way of SR-IOV",

  // --- change ---
  "change.title": "Change",
  "change.state": "The host as a state",

  // --- guests ---
  "guests.title": "Guests",
  "guests.none": "No guests",

  // --- pools and leases ---
  "pools.title": "Pools",
  "pools.pools": "Pools",
  "pools.leases": "Leases",
  "pools.no_pools": "No pools",
  "pools.no_leases": "Nothing is leased",

  // --- history ---
  "history.title": "History",
  "history.run": "Run",
  "history.kind": "Kind",
  "history.status": "Status",
  "history.started": "Started",
  "history.source": "By",
  "history.none": "Nothing was changed here yet",

  // --- events ---
  "events.title": "Events",
  "events.time": "Time",
  "events.kind": "Event",
  "events.says": "Says",
  "events.none": "Nothing happened since this page was opened",
};
