package main

// message is what clients send, and what a line of the file is. The messages of a client
// have the numbers 1, 2, 3 and so on.
type message struct {
	Client string `json:"client"`
	ID     int    `json:"id"`
	Text   string `json:"text"`
}

// maxMessage is how many bytes one may have.
const maxMessage = 4096

func (m message) valid() bool { return m.Client != "" && len(m.Client) <= 64 && m.ID > 0 }

// acknowledgement is what the server answers: the message is stored, and with it all that
// the client has sent before.
type acknowledgement struct {
	ID int `json:"ack"`
}
