package corpus

import "strings"

var (
	english = strings.Fields(`the to and of a is in it you that for on we with this be are have not at was but can
		if they what so do there all will just from one about my out up when time get no how more would see like good
		now work here some new know need today think then want back make could after also think over first should well
		only way where people right still before tomorrow meeting server because release question never another message
		really maybe please thanks already without build between through version something deploy review morning
		problem together network customer changes anyone schedule connection yesterday remember important everything
		document interesting afternoon configuration production understand available different environment performance`)

	characters = strings.Split(`的一是不了在人有我他这中大来上个国到说们为子和你地出道也时年得就那要下以生会自着去之过家学对`+
		`可她里后小么心多天而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长知民`+
		`样现分将外但身些与高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定女问力机给等几很业最间新什打便位因重被`+
		`走电四第门相次东政海口使教西再平真听世气信北少关并内加化由却代军产入先山五太水万市眼体别处总才场师书比住员九笑性通目`, "")

	marks   = []string{"，", "，", "，", "。", "。", "！", "？"}
	rooms   = strings.Fields("general random engineering support design ops releases lunch")
	people  = strings.Fields("ada alan barbara brian claude donald edsger frances grace hedy james jean john ken leslie margaret niklaus radia rob tony")
	symbols = strings.Fields("BTCUSDT ETHUSDT SOLUSDT EURUSD USDJPY GBPUSD AAPL MSFT GOOG AMZN NVDA TSLA")
	streets = strings.Split("Main Street,Station Road,Park Avenue,Church Lane,Mill Road,High Street,Elm Drive,Lake View", ",")
	cities  = strings.Split("Berlin,Lagos,São Paulo,Tokyo,Toronto,Kraków,Nairobi,Lyon,Hanoi,Austin", ",")
)
