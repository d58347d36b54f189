package frame

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The IANA WebSocket Close Code Number Registry.
func TestStatusCode(t *testing.T) {
	for _, tt := range []struct {
		code   StatusCode
		number int
		sent   bool
		text   string
	}{
		{StatusNormalClosure, 1000, true, "1000 normal closure"},
		{StatusGoingAway, 1001, true, "1001 going away"},
		{StatusProtocolError, 1002, true, "1002 protocol error"},
		{StatusUnsupportedData, 1003, true, "1003 unsupported data"},
		{StatusNoStatusReceived, 1005, false, "1005 no status received"},
		{StatusAbnormalClosure, 1006, false, "1006 abnormal closure"},
		{StatusInvalidPayload, 1007, true, "1007 invalid payload"},
		{StatusPolicyViolation, 1008, true, "1008 policy violation"},
		{StatusMessageTooBig, 1009, true, "1009 message too big"},
		{StatusMandatoryExtension, 1010, true, "1010 mandatory extension"},
		{StatusInternalError, 1011, true, "1011 internal error"},
		{StatusServiceRestart, 1012, true, "1012 service restart"},
		{StatusTryAgainLater, 1013, true, "1013 try again later"},
		{StatusBadGateway, 1014, true, "1014 bad gateway"},
		{StatusTLSHandshake, 1015, false, "1015 TLS handshake"},
		{0, 0, false, "0"},
		{1004, 1004, false, "1004"},
		{3000, 3000, true, "3000"},
		{4999, 4999, true, "4999"},
		{65535, 65535, false, "65535"},
	} {
		require.EqualValues(t, tt.number, tt.code)
		require.Equal(t, tt.sent, tt.code.Valid(), tt.text)
		require.Equal(t, tt.text, tt.code.String())
	}
}
