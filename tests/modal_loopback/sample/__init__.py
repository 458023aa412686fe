"""An app to deploy and the client's side of it, as tests run them in processes of their own."""
