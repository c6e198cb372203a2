//! Draws the document on standard input.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let document = std::io::read_to_string(std::io::stdin())?;
    print!("{}", lotty_picture::draw(&document)?);
    Ok(())
}
