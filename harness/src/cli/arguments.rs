//! The command line: one table, from which parser and help follow.

use super::remote::{self, AddressRange, AgentAt, FloodNetwork};
use crate::select::Shard;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use tcpspec_reports::names;

/// A TCP conformance test harness.
///
/// YAML specs say which segments go in and which segments, silences and application events must
/// come out. Run them against the bundled TCP, this machine's kernel, or any host.
#[derive(Debug, Parser)]
#[command(name = "tcpspec", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(super) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Read specs from this folder, not from beside tcpspec.toml or the ones built in.
    #[arg(long, global = true, value_name = "DIR")]
    pub specs: Option<PathBuf>,

    /// Colour; it never carries meaning alone.
    #[arg(long, global = true, value_enum, default_value_t = Choice::Auto, value_name = "WHEN")]
    pub color: Choice,
}

const EXIT_CODES: &str = "\
Exit codes: 0 conformant · 1 non-conformant · 2 bad flag or spec · 3 unjudged (inconclusive cases, \
or the environment refused) · 4 nothing selected · 130 interrupted, 143 \
terminated (reports are written first)";

const SELECT_HELP: &str = "Cases: a path, an id or glob (`3.6/*`, `3.10.7.4/rst*[rst=exact]`), a \
section (`3.6`, `§3.10`) or a requirement (`MUST-13`); none: all";

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run cases against a device; the default device is the bundled stack.
    Run(Box<RunArguments>),
    /// List specs, cases, devices, or requirements.
    List(Box<ListArguments>),
    /// Show specs as prose and ladder, with every default spelled out.
    Explain {
        #[arg(value_name = "SELECT", required = true, help = SELECT_HELP)]
        select: Vec<String>,
    },
    /// Print the JSON Schema of spec files, for editors.
    Schema,
    /// Check specs, catalogues, profiles and deviations.
    Lint {
        /// Spec files or folders; none: everything.
        #[arg(value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Tell what this machine and a host allow, and how to get the rest.
    Doctor(Box<DoctorArguments>),
    /// Drive the application on this host for a tester elsewhere (`run --agent`).
    Agent(AgentArguments),
}

/// `tcpspec list`.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[arg(value_name = "SELECT", help = SELECT_HELP)]
    pub select: Vec<String>,
    /// Every case, not only every spec.
    #[arg(long, conflicts_with_all = ["devices", "requirements"])]
    pub cases: bool,
    /// The devices and what their profiles claim.
    #[arg(long, conflicts_with = "requirements")]
    pub devices: bool,
    /// The requirements, and how many cases cover each.
    #[arg(long)]
    pub requirements: bool,
    #[command(flatten)]
    pub filter: FilterArguments,
    /// The device for whose claims cases are listed.
    #[arg(short, long, default_value = "bundled", value_name = "NAME|ADDRESS")]
    pub device: String,
    #[command(flatten)]
    pub host: HostArguments,
}

/// Flags that narrow a selection.
#[derive(Debug, Args)]
pub(super) struct FilterArguments {
    /// Keep cases that match, such as `level(must) & !needs(rfc5961) - slow()`.
    #[arg(
        short = 'E',
        long = "filter",
        value_name = "EXPR",
        help_heading = "Select"
    )]
    pub filters: Vec<String>,
    /// The cases of somebody else's suite, told by its ids: `tc8`.
    #[arg(long, value_name = "NAME", help_heading = "Select")]
    pub suite: Option<String>,
    /// Take part i of n.
    #[arg(long, value_name = "I/N", help_heading = "Select")]
    pub shard: Option<Shard>,
    /// IP version.
    #[arg(long, value_enum, default_value_t = Families::Both, value_name = "4|6|both",
          help_heading = "Select")]
    pub family: Families,
}

/// `tcpspec doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArguments {
    /// A host that is to be tested: `192.0.2.7:8080`.
    #[arg(short, long, value_name = "ADDRESS", help_heading = "Device")]
    pub device: Option<String>,
    /// Remove what killed runs have left behind.
    #[arg(long)]
    pub fix: bool,
    #[command(flatten)]
    pub host: HostArguments,
}

/// `tcpspec agent`.
#[derive(Debug, Args)]
pub(super) struct AgentArguments {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:30700")]
    pub listen: SocketAddr,
    /// A tester that may use it; beyond loopback addresses nobody else may.
    #[arg(long, value_name = "ADDRESS")]
    pub allow: Vec<IpAddr>,
    /// The word that testers have to know.
    #[arg(
        long,
        env = "TCPSPEC_TOKEN",
        hide_env_values = true,
        value_name = "WORD"
    )]
    pub token: Option<String>,
    /// This host is for tests only: its TCP settings change as cases need them, and are put back.
    #[arg(long)]
    pub whole_host: bool,
    /// Whoever has an allowed address may use it: testers of other makes cannot say a word.
    #[arg(long, requires = "allow", conflicts_with = "token")]
    pub no_token: bool,
    /// Serve the standard primitives alone, as other upper testers do.
    #[arg(long)]
    pub standard_only: bool,
    /// The service id of the protocol's messages.
    #[arg(long, value_name = "HEX", default_value = "0x0105")]
    pub service_id: ServiceId,
}

/// Connections that may be half-open at once, where nobody says.
const MOST_HALF_OPEN: u16 = 64;

/// A service id, written in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ServiceId(pub u16);

impl ServiceId {
    /// That of the Testability Protocol, where nobody says: the default of the flags.
    const TESTABILITY: Self = Self(0x0105);
}

impl std::str::FromStr for ServiceId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let number = u16::from_str_radix(digits, 16);
        number
            .map(Self)
            .map_err(|_| format!("`{text}` is no service id; write `0x0105`"))
    }
}

/// What is to be known of a host that is named by its address.
#[derive(Clone, Debug, Args)]
pub(super) struct HostArguments {
    /// The tester's own spare address, or some (`192.0.2.200-215`): in the device's network, and
    /// nobody's. The tester answers ARP and NDP for it.
    #[arg(long, value_name = "ADDRESS", value_parser = AddressRange::parse, help_heading = "Host")]
    pub from: Option<AddressRange>,
    /// Speak from this machine's own address. A firewall rule keeps its TCP away from the tester's
    /// connections, and from no others; it goes with the run.
    #[arg(long, conflicts_with = "from", help_heading = "Host")]
    pub own_address: bool,
    /// Flood the device from this network, which it has to reach by way of the tester: on the
    /// device, `ip route add 10.0.0.0/8 via` the address of `--from`.
    #[arg(long, value_name = "NETWORK", value_parser = FloodNetwork::parse,
          requires = "agent", conflicts_with = "own_address", help_heading = "Host")]
    pub flood_from: Option<FloodNetwork>,
    /// The interface to the device [default: as the routing table has it].
    #[arg(long, value_name = "NAME", help_heading = "Host")]
    pub interface: Option<String>,
    /// Tag frames with this VLAN.
    #[arg(long, value_name = "ID", help_heading = "Host",
          value_parser = clap::value_parser!(u16).range(1..4095))]
    pub vlan: Option<u16>,
    /// The agent on the device that drives its application: `tcpspec agent`, or any upper tester
    /// of the AUTOSAR Testability Protocol. It is spoken to over TCP, or over UDP by
    /// `udp:ADDRESS:PORT`.
    #[arg(long, value_name = "ADDRESS:PORT", help_heading = "Host")]
    pub agent: Option<AgentAt>,
    /// The service id of the agent's messages.
    #[arg(
        long,
        value_name = "HEX",
        default_value = "0x0105",
        help_heading = "Host"
    )]
    pub agent_service_id: ServiceId,
    /// The word that the agent wants to hear.
    #[arg(
        long,
        env = "TCPSPEC_TOKEN",
        hide_env_values = true,
        value_name = "WORD",
        requires = "agent",
        help_heading = "Host"
    )]
    pub token: Option<String>,
    /// What listens on the device's port: `echo`, `discard`, `http`, `redis`, ..., a file of
    /// `specs/services/` or one of your own. Its requests take the place of an agent.
    #[arg(
        long,
        value_name = "NAME|FILE",
        conflicts_with = "agent",
        help_heading = "Host"
    )]
    pub service: Option<String>,
    /// A port of the device on which nobody listens.
    #[arg(long, value_name = "PORT", help_heading = "Host",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub closed_port: Option<u16>,
    /// Send at most so many packets in a second.
    #[arg(long, value_name = "N", help_heading = "Host",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub max_pps: Option<u32>,
    /// Connections that may be half-open on the device at once.
    #[arg(long, value_name = "N", default_value_t = MOST_HALF_OPEN, help_heading = "Host",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub max_half_open: u16,
    /// Test an address that anybody may have, not only private and documentation ones.
    #[arg(long, help_heading = "Host")]
    pub i_may_test_this_host: bool,
    /// What the host claims, and what its makers chose: a profile of `specs/devices/`.
    #[arg(long, value_name = "NAME", default_value = remote::DEFAULT_PROFILE,
          help_heading = "Host")]
    pub profile: String,
    /// The host has the settings that its profile pins: play what leans on them, though nobody
    /// can look.
    #[arg(long, help_heading = "Host")]
    pub pinned: bool,
}

impl HostArguments {
    /// A flag that was given, and says nothing of a device that is no host. A token may be in the
    /// environment for other runs, and without an agent it is no flag.
    pub(super) fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--from", self.from.is_some()),
            ("--own-address", self.own_address),
            ("--agent", self.agent.is_some()),
            ("--flood-from", self.flood_from.is_some()),
            ("--interface", self.interface.is_some()),
            ("--vlan", self.vlan.is_some()),
            (
                "--agent-service-id",
                self.agent_service_id != ServiceId::TESTABILITY,
            ),
            ("--service", self.service.is_some()),
            ("--closed-port", self.closed_port.is_some()),
            ("--max-pps", self.max_pps.is_some()),
            ("--max-half-open", self.max_half_open != MOST_HALF_OPEN),
            ("--i-may-test-this-host", self.i_may_test_this_host),
            ("--profile", self.profile != remote::DEFAULT_PROFILE),
            ("--pinned", self.pinned),
        ];
        flags
            .iter()
            .find(|(_, given)| *given)
            .map(|(flag, _)| *flag)
    }
}

/// `tcpspec run`.
#[derive(Debug, Args)]
pub(super) struct RunArguments {
    #[arg(value_name = "SELECT", help = SELECT_HELP)]
    pub select: Vec<String>,
    #[command(flatten)]
    pub filter: FilterArguments,
    /// Run the cases of more than 10 s too (on the virtual clock they always run).
    #[arg(long, help_heading = "Select")]
    pub slow: bool,
    /// Say what would run, and stop; of a host, which segments it would be sent.
    #[arg(long, help_heading = "Select")]
    pub dry_run: bool,

    /// `bundled`, `kernel`, or a host: `192.0.2.7`, `192.0.2.7:8080`, `[2001:db8::7]:22`.
    #[arg(
        short,
        long,
        default_value = "bundled",
        value_name = "NAME|ADDRESS",
        help_heading = "Device"
    )]
    pub device: String,
    #[command(flatten)]
    pub host: HostArguments,

    /// A SHOULD that is not followed fails too.
    #[arg(long, help_heading = "Judge")]
    pub strict: bool,
    /// Play a failure again up to so many times; it stands if its symptom comes again [default: 2;
    /// the virtual clock needs none].
    #[arg(long, value_name = "N", help_heading = "Judge",
          value_parser = clap::value_parser!(u32).range(0..=100))]
    pub retries: Option<u32>,
    /// Cases that stay inconclusive do not change the exit code.
    #[arg(long, help_heading = "Judge")]
    pub allow_inconclusive: bool,

    /// Cases side by side [default: the cores; on a real clock 512].
    #[arg(short, long, value_name = "N", help_heading = "Pace",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// Stop after so many failures.
    #[arg(long, value_name = "N", help_heading = "Pace",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub max_fail: Option<u32>,
    /// Replay the random choices of an earlier run.
    #[arg(long, value_name = "HEX", value_parser = seed, help_heading = "Pace")]
    pub seed: Option<u64>,

    /// Write a JUnit file.
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    pub junit: Option<PathBuf>,
    /// Write the whole record as JSON.
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    pub json: Option<PathBuf>,
    /// Write a Markdown summary.
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    pub summary: Option<PathBuf>,
    /// Write all reports and the captures here [captures of failures alone: `out`].
    #[arg(long, value_name = "DIR", help_heading = "Report")]
    pub out: Option<PathBuf>,
    /// Which captures to keep.
    #[arg(long, value_enum, default_value_t = Captures::Failed, value_name = "WHICH",
          help_heading = "Report")]
    pub pcap: Captures,

    /// Real sequence numbers and times beside the re-based ones.
    #[arg(short, long, help_heading = "Screen")]
    pub verbose: bool,
    /// Only failures and the last line.
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Screen")]
    pub quiet: bool,
    /// A progress bar; `auto`: on a terminal.
    #[arg(long, value_enum, default_value_t = Choice::Auto, value_name = "WHEN",
          help_heading = "Screen")]
    pub progress: Choice,
}

/// `auto`, `always`, `never`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Choice {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// IP versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Families {
    /// IPv4 only.
    #[value(name = "4")]
    V4,
    /// IPv6 only.
    #[value(name = "6")]
    V6,
    /// Both.
    Both,
}

/// Which captures to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Captures {
    /// Of cases that did not pass.
    Failed,
    /// Of all cases.
    All,
    /// None.
    None,
}

fn seed(text: &str) -> Result<u64, String> {
    names::parse_seed(text)
        .ok_or_else(|| format!("`{text}` is no seed; write up to 16 hexadecimal digits"))
}
