protocol example version 3

/// Operation 3 was a mistake.
reserved 3

/// Says hello, and how often it was said.
transaction hello(name string up to 32, loud bool since 3) -> (count u32 since 3) number 1

/// Says it in a language.
transaction greet(name string up to 32, language u16, title string up to 100 since 3) -> (text string up to 64, left u8 since 3) number 2 since 2

/// Keeps a picture.
transaction keep(picture bulk from front up to 16 KiB) number 4 since 3
