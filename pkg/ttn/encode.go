package ttn

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
)

// EncodeUplink returns the message that the network server sends for an uplink:
// what ParseUplink reads, among all that surrounds it in a real one. It is for
// simulators and tests.
func EncodeUplink(app Application, u *lorawan.Uplink) []byte {
	ids := identify(app, u)
	m := uplinkMessage{
		FPort:           u.FPort,
		FCnt:            u.FCnt,
		Payload:         u.Payload,
		ReceivedAt:      u.ReceivedAt.UTC().Format(time.RFC3339Nano),
		ConsumedAirtime: fmt.Sprintf("%.6fs", u.DataRate.Airtime(len(u.Payload)).Seconds()),
		Confirmed:       false,
		Decoded:         json.RawMessage(u.Decoded),
		Normalized:      json.RawMessage(u.Normalized),
	}
	if brand, model, ok := strings.Cut(u.Profile, "/"); ok {
		m.VersionIDs = &versionIDs{brand, model}
	}
	if r := u.Reception; r != nil {
		// A second gateway that hears it worse, as is usual in a city.
		m.RxMetadata = []rxMetadata{
			gateway("clair-gateway-2", "B827EBFFFE0C1A1B", r.RSSIdBm-9, r.SNRdB-4, u.ReceivedAt),
			gateway("clair-gateway-1", "B827EBFFFE0C1A1A", r.RSSIdBm, r.SNRdB, u.ReceivedAt),
		}
	}
	if u.DataRate.Known() {
		m.Settings.DataRate.LoRa = &lora{
			Bandwidth:       int(u.DataRate.BandwidthKHz) * 1000,
			SpreadingFactor: int(u.DataRate.SpreadingFactor),
			CodingRate:      "4/5",
		}
	}
	m.Settings.Frequency = strconv.Itoa(867100000 + 200000*int(u.FCnt%8))
	m.Settings.Timestamp = uint32(u.ReceivedAt.UnixMicro())
	m.NetworkIDs = networkIDs{NetID: "000013", TenantID: app.Tenant, ClusterID: "eu1", ClusterAddress: "eu1.cloud.thethings.network"}
	encoded, err := json.Marshal(struct {
		EndDeviceIDs   deviceIDs     `json:"end_device_ids"`
		CorrelationIDs []string      `json:"correlation_ids"`
		ReceivedAt     string        `json:"received_at"`
		UplinkMessage  uplinkMessage `json:"uplink_message"`
		Simulated      bool          `json:"simulated,omitempty"`
	}{
		EndDeviceIDs: ids,
		CorrelationIDs: []string{
			fmt.Sprintf("gs:uplink:%s%08X", u.DevEUI, u.FCnt),
		},
		// The application server has the message a little later than the network server.
		ReceivedAt:    u.ReceivedAt.UTC().Add(211 * time.Millisecond).Format(time.RFC3339Nano),
		UplinkMessage: m,
		Simulated:     u.Simulated,
	})
	if err != nil {
		panic(fmt.Sprintf("ttn: encode uplink: %v", err)) // a float that is no number, or what was decoded is no JSON
	}
	return encoded
}

// EncodeEvent returns the message that the network server sends when something else than an
// uplink happens to the device of an uplink: join_accept, downlink_queued. It is for
// simulators and tests.
func EncodeEvent(app Application, u *lorawan.Uplink, kind string) []byte {
	encoded, err := json.Marshal(map[string]any{
		"end_device_ids":  identify(app, u),
		"correlation_ids": []string{fmt.Sprintf("as:up:%s%08X", u.DevEUI, u.FCnt)},
		"received_at":     u.ReceivedAt.UTC().Format(time.RFC3339Nano),
		kind:              map[string]any{"session_key_id": "AYfg8rhha5n+FWx0ZaAprA==", "received_at": u.ReceivedAt.UTC().Format(time.RFC3339Nano)},
	})
	if err != nil {
		panic(fmt.Sprintf("ttn: encode an event: %v", err)) // texts always encode
	}
	return encoded
}

func identify(app Application, u *lorawan.Uplink) deviceIDs {
	ids := deviceIDs{DeviceID: u.DeviceID, DevEUI: u.DevEUI, JoinEUI: "70B3D57ED0000000", DevAddr: fmt.Sprintf("260B%04X", uint64(u.DevEUI)&0xFFFF)}
	ids.Application.ID = app.ID
	return ids
}

func gateway(id, eui string, rssi int, snr float32, at time.Time) rxMetadata {
	g := rxMetadata{
		Time:        at.UTC().Add(-61 * time.Millisecond).Format(time.RFC3339Nano),
		Timestamp:   uint32(at.UnixMicro()),
		RSSI:        rssi,
		ChannelRSSI: rssi,
		SNR:         snr,
		ReceivedAt:  at.UTC().Format(time.RFC3339Nano),
		UplinkToken: "Ch4KHAoPY2xhaXItZ2F0ZXdheS0xEgi4J+v//gwaGhCMnJ7pCBoMCIGf4IoGEOCBn9ACIOC2tYnP6gs=",
	}
	g.GatewayIDs.GatewayID, g.GatewayIDs.EUI = id, eui
	g.Location.Latitude, g.Location.Longitude, g.Location.Altitude, g.Location.Source = 52.5200, 13.4050, 51, "SOURCE_REGISTRY"
	return g
}

type deviceIDs struct {
	DeviceID    string `json:"device_id"`
	Application struct {
		ID string `json:"application_id"`
	} `json:"application_ids"`
	DevEUI  lorawan.EUI64 `json:"dev_eui"`
	JoinEUI string        `json:"join_eui"`
	DevAddr string        `json:"dev_addr"`
}

type uplinkMessage struct {
	FPort           uint8        `json:"f_port,omitempty"`
	FCnt            uint32       `json:"f_cnt,omitempty"`
	Payload         []byte       `json:"frm_payload,omitempty"`
	RxMetadata      []rxMetadata `json:"rx_metadata,omitempty"`
	Settings        txSettings   `json:"settings"`
	ReceivedAt      string       `json:"received_at"`
	Confirmed       bool         `json:"confirmed,omitempty"`
	ConsumedAirtime string       `json:"consumed_airtime"`
	NetworkIDs      networkIDs   `json:"network_ids"`

	Decoded    json.RawMessage `json:"decoded_payload,omitempty"`
	Normalized json.RawMessage `json:"normalized_payload,omitempty"`
	VersionIDs *versionIDs     `json:"version_ids,omitempty"`
}

type versionIDs struct {
	Brand string `json:"brand_id"`
	Model string `json:"model_id"`
}

type rxMetadata struct {
	GatewayIDs struct {
		GatewayID string `json:"gateway_id"`
		EUI       string `json:"eui"`
	} `json:"gateway_ids"`
	Time        string  `json:"time"`
	Timestamp   uint32  `json:"timestamp"`
	RSSI        int     `json:"rssi"`
	ChannelRSSI int     `json:"channel_rssi"`
	SNR         float32 `json:"snr"`
	Location    struct {
		Latitude  float64 `json:"latitude"`
		Longitude float64 `json:"longitude"`
		Altitude  int     `json:"altitude"`
		Source    string  `json:"source"`
	} `json:"location"`
	UplinkToken string `json:"uplink_token"`
	ReceivedAt  string `json:"received_at"`
}

type txSettings struct {
	DataRate struct {
		LoRa *lora `json:"lora,omitempty"`
	} `json:"data_rate"`
	Frequency string `json:"frequency"`
	Timestamp uint32 `json:"timestamp"`
}

type lora struct {
	Bandwidth       int    `json:"bandwidth"`
	SpreadingFactor int    `json:"spreading_factor"`
	CodingRate      string `json:"coding_rate"`
}

type networkIDs struct {
	NetID          string `json:"net_id"`
	TenantID       string `json:"tenant_id,omitempty"`
	ClusterID      string `json:"cluster_id"`
	ClusterAddress string `json:"cluster_address"`
}
