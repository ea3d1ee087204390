package inventory

// Quotas bound what one account or organization may have, so that no stranger fills the
// platform; 0 is no bound. They hold for the API and the dashboard: administrators may
// give more, and what is there already stays.
type Quotas struct {
	Organizations int `env:"MAX_ORGANIZATIONS_PER_ACCOUNT" envDefault:"20" desc:"organizations that one account is OWNER of when it makes another one; 0: no bound"`
	Addresses     int `env:"MAX_ADDRESSES_PER_ACCOUNT" envDefault:"500" desc:"postal addresses that one account has made; 0: no bound"`
	Sites         int `env:"MAX_SITES_PER_ORGANIZATION" envDefault:"200" desc:"sites of one organization; 0: no bound"`
	Rooms         int `env:"MAX_ROOMS_PER_ORGANIZATION" envDefault:"2000" desc:"rooms of one organization; 0: no bound"`
	Installations int `env:"MAX_INSTALLATIONS_PER_ORGANIZATION" envDefault:"20000" desc:"installations in rooms of one organization, ended ones too; 0: no bound"`
	Silent        int `env:"MAX_SILENT_NODES_PER_ORGANIZATION" envDefault:"50" desc:"sensors of one organization that were registered without a code and have never sent (by its own scripts does not count), where there are several organizations; 0: no bound"`
	// IngestionTokens are those that are not revoked.
	IngestionTokens int `env:"MAX_INGESTION_TOKENS_PER_ORGANIZATION" envDefault:"50" desc:"tokens of one organization for scripts that send samples; 0: no bound"`
	AlertRules      int `env:"MAX_ALERT_RULES_PER_ORGANIZATION" envDefault:"200" desc:"rules for alerts of one organization; 0: no bound"`
	PersonalRules   int `env:"MAX_ALERT_RULES_PER_ACCOUNT" envDefault:"100" desc:"rules for alerts of one account of its own; 0: no bound"`
	// Channels are those of one owner.
	Channels int `env:"MAX_NOTIFICATION_CHANNELS_PER_OWNER" envDefault:"20" desc:"ways to be told something of one account, and of one organization; 0: no bound"`
	Nodes    int `env:"MAX_NODES_PER_ORGANIZATION" envDefault:"2000" desc:"sensors of one organization; 0: no bound"`
}
