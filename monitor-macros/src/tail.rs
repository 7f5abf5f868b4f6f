//! The last expression of a body that boxes a future: there the future can be measured without a second box.
//!
//! Two forms are known: `Box::pin(...)` under any path to `Box`, and `async { ... }.boxed()`. The body is looked at token
//! by token, its outermost level only, so that half-typed code is no obstacle.

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};

use crate::item::{contains_word, is_punct};

/// A body that ends with a boxed future.
pub(crate) struct Tail {
    before: Vec<TokenTree>,
    future: TokenStream,
    after: Vec<TokenTree>,
    /// The parentheses around the future, if it is an argument.
    argument: Option<Group>,
    /// Whether the future is an `async` block by its looks, so that the function returns a future whatever its type says.
    is_async_block: bool,
}

impl Tail {
    /// Looks for a boxed future at the end of a body. `None` if there is none, or if the body may return before it.
    pub(crate) fn of(body: &TokenStream) -> Option<Self> {
        let tokens: Vec<TokenTree> = body.clone().into_iter().collect();
        let tail = Self::pinned(&tokens).or_else(|| Self::method(&tokens))?;
        let before: TokenStream = tail.before.iter().cloned().collect();
        (!contains_word(before, "return")).then_some(tail)
    }

    /// Whether the future is an `async` block by its looks.
    pub(crate) fn is_async_block(&self) -> bool {
        self.is_async_block
    }

    /// The body with its future inside of what `wrap` makes of it.
    pub(crate) fn with(&self, wrap: impl FnOnce(&TokenStream) -> TokenStream) -> TokenStream {
        let mut tokens: TokenStream = self.before.iter().cloned().collect();
        let wrapped = wrap(&self.future);
        match &self.argument {
            Some(parentheses) => {
                let mut group = Group::new(Delimiter::Parenthesis, wrapped);
                group.set_span(parentheses.span());
                tokens.extend([TokenTree::Group(group)]);
            }
            None => tokens.extend(wrapped),
        }
        tokens.extend(self.after.iter().cloned());
        tokens
    }

    /// `Box::pin(future)`
    fn pinned(tokens: &[TokenTree]) -> Option<Self> {
        let (TokenTree::Group(argument), path) = tokens.split_last()? else { return None };
        if argument.delimiter() != Delimiter::Parenthesis {
            return None;
        }
        let (pin, path) = path.split_last()?;
        let boxed = strip_colons(path)?;
        let (name, mut start) = boxed.split_last()?;
        if !is_word(pin, "pin") || !is_word(name, "Box") {
            return None;
        }
        while let Some(outer) = strip_colons(start) {
            match outer.split_last() {
                Some((TokenTree::Ident(_), rest)) => start = rest,
                _ => start = outer,
            }
        }
        if !ends_statement(start) {
            return None;
        }
        let mut future: Vec<TokenTree> = argument.stream().into_iter().collect();
        if future.last().is_some_and(|last| is_punct(last, ',')) {
            future.pop();
        }
        let is_async_block = match future.as_slice() {
            [word, TokenTree::Group(_)] => is_word(word, "async"),
            [word, by, TokenTree::Group(_)] => is_word(word, "async") && is_word(by, "move"),
            _ => false,
        };
        Some(Self {
            before: tokens[..tokens.len() - 1].to_vec(),
            is_async_block,
            future: future.into_iter().collect(),
            after: Vec::new(),
            argument: Some(argument.clone()),
        })
    }

    /// `async { ... }.boxed()`
    fn method(tokens: &[TokenTree]) -> Option<Self> {
        let [.., TokenTree::Group(block), dot, name, TokenTree::Group(arguments)] = tokens else { return None };
        let is_call = is_punct(dot, '.')
            && (is_word(name, "boxed") || is_word(name, "boxed_local"))
            && arguments.stream().is_empty()
            && block.delimiter() == Delimiter::Brace;
        let end = tokens.len() - 4;
        let start = match &tokens[..end] {
            [.., word, by] if is_word(word, "async") && is_word(by, "move") => end - 2,
            [.., word] if is_word(word, "async") => end - 1,
            _ => return None,
        };
        if !is_call || !ends_statement(&tokens[..start]) {
            return None;
        }
        Some(Self {
            before: tokens[..start].to_vec(),
            future: tokens[start..=end].iter().cloned().collect(),
            after: tokens[end + 1..].to_vec(),
            argument: None,
            is_async_block: true,
        })
    }
}

/// Whether what stands before an expression is whole statements.
fn ends_statement(before: &[TokenTree]) -> bool {
    match before.last() {
        None => true,
        Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Brace,
        Some(last) => is_punct(last, ';'),
    }
}

fn strip_colons(tokens: &[TokenTree]) -> Option<&[TokenTree]> {
    match tokens {
        [rest @ .., TokenTree::Punct(first), second]
            if first.as_char() == ':' && first.spacing() == Spacing::Joint && is_punct(second, ':') =>
        {
            Some(rest)
        }
        _ => None,
    }
}

fn is_word(token: &TokenTree, expected: &str) -> bool {
    matches!(token, TokenTree::Ident(word) if word == expected)
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[test]
    fn only_a_boxed_future_at_the_end_is_found() {
        for (body, found) in [
            ("Box::pin(async move { 1 })", Some("Box :: pin (wrap (async move { 1 }))")),
            (
                "let n = 1; ::std::boxed::Box::pin(f(n),)",
                Some("let n = 1 ; :: std :: boxed :: Box :: pin (wrap (f (n)))"),
            ),
            ("if a { b(); } Box::pin(f())", Some("if a { b () ; } Box :: pin (wrap (f ()))")),
            ("async { 1 }.boxed()", Some("wrap (async { 1 }) . boxed ()")),
            ("if a { return b(); } Box::pin(f())", None),
            ("Some(Box::pin(f()))", None),
            ("let a = Box::pin(f())", None),
            ("Box::pin(f()).as_mut()", None),
            ("return Box::pin(f())", None),
            ("f().boxed()", None),
            ("Pin::new(f())", None),
            ("", None),
        ] {
            let tail = Tail::of(&body.parse().unwrap());
            let wrapped = tail.map(|tail| tail.with(|future| quote!(wrap(#future))).to_string());
            assert_eq!(wrapped.as_deref(), found, "{body}");
        }
    }
}
