package vectors

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMaskAll has the bytes of a server, with a mark, and those of a client.
func TestMaskAll(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"the example of RFC 6455, section 5.7", "81 05 48 65 6c 6c 6f !", "81 85 37 fa 21 3d 7f 9f 4d 51 58 !"},
		{"an empty frame", "81 00 !", "81 80 37 fa 21 3d !"},
		{"two frames", "01 01 00 80 01 00 !", "01 81 37 fa 21 3d 37 80 81 37 fa 21 3d 37 !"},
		{"16 bits of length", "82 7e 00 7e ! 00*126", "82 fe 00 7e 37 fa 21 3d ! 37fa213d*31 37 fa"},
		{"64 bits of length", "82 7f 00*7 02 ! 00 00", "82 ff 00*7 02 37 fa 21 3d ! 37 fa"},
		{"a length that is not minimal stays so", "82 7e 00 01 00 81 00 !", "82 fe 00 01 37 fa 21 3d 37 81 80 37 fa 21 3d !"},
		{"a length with its top bit set", "82 7f ff*8 ! 00", "82 ff ff*8 37 fa 21 3d ! 37"},
		{"a mark inside a header", "82 7f 80 ! 00*7", "82 ff 80 ! 00*7 37 fa 21 3d"},
		{"a mark inside a payload", "81 03 00 ! 00 00", "81 83 37 fa 21 3d 37 ! fa 21"},
		{"a mark in the second frame", "81 00 81 02 00 ! 00", "81 80 37 fa 21 3d 81 82 37 fa 21 3d 37 ! fa"},
		{"a mark between two frames", "81 00 ! 81 00", "81 80 37 fa 21 3d ! 81 80 37 fa 21 3d"},
		{"half of a header", "81 !", "81 !"},
		{"a length cut off", "82 7e 01 !", "82 fe 01 !"},
		{"a payload cut off", "81 05 00 00 !", "81 85 37 fa 21 3d 37 fa !"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in, mark, err := parseBytes(tt.in)
			require.NoError(t, err)
			want, wantMark, err := parseBytes(tt.want)
			require.NoError(t, err)
			got, gotMark, err := maskAll(in, mark)
			require.NoError(t, err)
			require.Equal(t, want, got)
			require.Equal(t, wantMark, gotMark)
		})
	}
}

func TestMaskAllRefusesMaskedFrames(t *testing.T) {
	_, _, err := maskAll([]byte("\x81\x80\x00\x00\x00\x00"), 0)
	require.ErrorContains(t, err, "masked already")
}
